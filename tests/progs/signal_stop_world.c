/* SPDX-License-Identifier: MIT */
/*
 * signal_stop_world - a collector stops all threads by a signal, in whose handler they sigsuspend, and lets them go on
 *
 * uses: tgkill rt_sigsuspend futex
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

enum { THREADS = 8, ROUNDS = 30 };

static sem_t stopped;
static atomic_int go_round;
static atomic_bool done;
static __thread atomic_long *mine;
static atomic_long steps[THREADS];
static int fd[2];

static void on_stop(int sig)
{
	int saved = errno, round = go_round;
	sigset_t mask;

	(void)sig;
	sigfillset(&mask);
	sigdelset(&mask, SIGUSR2);
	sem_post(&stopped);
	while (go_round == round)
		sigsuspend(&mask);
	errno = saved;
}

static void on_restart(int sig)
{
	(void)sig;
}

static void *mutate(void *arg)
{
	uint64_t val = 1;
	char c;

	mine = &steps[(intptr_t)arg];
	if ((intptr_t)arg == 0) { /* one is stopped while it blocks */
		CHECK(read(fd[0], &c, 1) == 1);
		return NULL;
	}
	while (!done) {
		++*mine;
		val = compute(val, 500);
		if (*mine % 16 == 0)
			sched_yield();
	}
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
	long before[THREADS];
	pthread_t t[THREADS];

	sem_init(&stopped, 0, 0);
	sigfillset(&sa.sa_mask);
	CHECK(pipe(fd) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	sa.sa_handler = on_restart;
	CHECK(sigaction(SIGUSR2, &sa, NULL) == 0);
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(mutate, (void *)i);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < THREADS; i++)
			CHECK0(pthread_kill(t[i], SIGUSR1));
		for (int i = 0; i < THREADS; i++)
			CHECK(sem_wait(&stopped) == 0);
		for (int i = 0; i < THREADS; i++)
			before[i] = steps[i];
		usleep(300);
		for (int i = 0; i < THREADS; i++)
			CHECK(before[i] == steps[i]);
		go_round++;
		for (int i = 0; i < THREADS; i++)
			CHECK0(pthread_kill(t[i], SIGUSR2));
	}
	done = true;
	CHECK(write(fd[1], "x", 1) == 1);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
