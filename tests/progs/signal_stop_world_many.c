/* SPDX-License-Identifier: MIT */
/*
 * signal_stop_world_many - a collector stops a thousand threads, which compute, sleep and wait in different
 * ways, by a signal in whose handler they sigsuspend, and starts them again, ten times
 *
 * uses: tgkill rt_sigsuspend futex read nanosleep
 * limit: 120
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

enum { THREADS = 1000, ROUNDS = 10, STOP = 40, GO = 41 };

static sem_t answered;
static atomic_int stops; /* how often the world was started again */
static atomic_bool done;
static atomic_long steps;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int fd[2];

static void on_stop(int sig)
{
	int saved = errno, round = stops;
	sigset_t mask;

	(void)sig;
	sigfillset(&mask);
	sigdelset(&mask, GO);
	sem_post(&answered);
	while (stops == round)
		sigsuspend(&mask);
	sem_post(&answered);
	errno = saved;
}

static void on_go(int sig)
{
	(void)sig;
}

static void *mutate(void *arg)
{
	uint64_t val = 1;
	char c;

	switch ((intptr_t)arg % 4) {
	case 0:
		CHECK(read(fd[0], &c, 1) == 1);
		break;
	case 1:
		pthread_mutex_lock(&lock);
		while (!done)
			pthread_cond_wait(&cond, &lock);
		pthread_mutex_unlock(&lock);
		break;
	case 2:
		while (!done) {
			sleep_ms(5);
			steps++;
		}
		break;
	case 3: /* a few compute all the time */
		while (!done) {
			val = compute(val, 2000);
			steps++;
			if ((intptr_t)arg >= 16)
				sleep_ms(5);
		}
		break;
	}
	return (void *)(uintptr_t)!val;
}

static void all_answered(void)
{
	for (int i = 0; i < THREADS; i++)
		while (sem_wait(&answered) != 0)
			CHECK(errno == EINTR);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
	static pthread_t t[THREADS];
	pthread_attr_t attr;

	sem_init(&answered, 0, 0);
	sigfillset(&sa.sa_mask);
	CHECK(pipe(fd) == 0 && sigaction(STOP, &sa, NULL) == 0);
	sa.sa_handler = on_go;
	CHECK(sigaction(GO, &sa, NULL) == 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	for (intptr_t i = 0; i < THREADS; i++)
		CHECK0(pthread_create(&t[i], &attr, mutate, (void *)i));
	for (int round = 0; round < ROUNDS; round++) {
		long before;

		for (int i = 0; i < THREADS; i++)
			CHECK0(pthread_kill(t[i], STOP));
		all_answered();
		before = steps;
		sched_yield();
		CHECK(before == steps);
		stops++;
		for (int i = 0; i < THREADS; i++)
			CHECK0(pthread_kill(t[i], GO));
		all_answered();
	}
	pthread_mutex_lock(&lock);
	done = true;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < THREADS / 4; i++)
		CHECK(write(fd[1], "x", 1) == 1);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
