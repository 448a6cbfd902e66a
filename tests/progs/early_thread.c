/* SPDX-License-Identifier: MIT */
/*
 * early_thread - a thread that a library's own way to pthread_create has made is the first to make
 * others, so that it and not main is there when that begins; main waits for it, wakes it, joins it,
 * and makes and cancels threads as well
 *
 * uses: clone3 futex tgkill exit
 */
#include "prog.h"

#include <dlfcn.h>
#include <signal.h>

enum { ROUNDS = 200 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;
static __thread int hits;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static void play(int me, int of)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK0(pthread_mutex_lock(&mutex));
		while (turn % of != me)
			CHECK0(pthread_cond_wait(&cond, &mutex));
		turn++;
		CHECK0(pthread_cond_broadcast(&cond));
		CHECK0(pthread_mutex_unlock(&mutex));
	}
}

static void *player(void *arg)
{
	play((int)(intptr_t)arg, 4);
	return arg;
}

static void *forever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *first(void *arg)
{
	pid_t tid = gettid();
	pthread_t t[2];

	for (intptr_t i = 0; i < 2; i++)
		t[i] = thread_start(player, (void *)(i + 2));
	play(1, 4);
	for (int i = 0; i < 2; i++)
		thread_join(t[i]);
	CHECK(gettid() == tid && tid != getpid());
	CHECK0(pthread_kill(pthread_self(), SIGUSR1));
	CHECK(hits == 1);
	return arg;
}

int main(void)
{
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	pthread_t t;
	void *ret;

	if (!libc)
		prog_skip("no libc of that name");
	create = dlsym(libc, "pthread_create");
	CHECK(create && signal(SIGUSR1, on_signal) != SIG_ERR);
	CHECK0(create(&t, NULL, first, &turn));
	play(0, 4);
	CHECK(thread_join(t) == &turn && turn == 4 * ROUNDS);

	turn = 0;
	for (intptr_t i = 1; i < 4; i++)
		CHECK0(pthread_detach(thread_start(player, (void *)i)));
	play(0, 4);
	t = thread_start(forever, NULL);
	CHECK0(pthread_cancel(t));
	CHECK0(pthread_join(t, &ret));
	CHECK(ret == PTHREAD_CANCELED);
	CHECK0(pthread_kill(pthread_self(), SIGUSR1));
	CHECK(hits == 1);
	puts("ok");
	return 0;
}
