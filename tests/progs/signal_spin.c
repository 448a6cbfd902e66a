/* SPDX-License-Identifier: MIT */
/*
 * signal_spin - a thread that only computes takes each signal, even one that comes while the handler
 * of the last one returns
 *
 * uses: tgkill kill rt_sigaction
 */
#include "prog.h"

#include <signal.h>

enum { ROUNDS = 500 };

static int hits;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&hits, 1, __ATOMIC_SEQ_CST);
}

static void *spin(void *arg)
{
	uint64_t sum = 1;

	while (__atomic_load_n(&hits, __ATOMIC_SEQ_CST) < ROUNDS)
		sum = compute(sum, 10);
	return sum ? arg : NULL;
}

int main(void)
{
	sigset_t set;
	pthread_t t;

	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	t = thread_start(spin, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	for (int i = 1; i <= ROUNDS; i++) {
		if (i % 2)
			CHECK0(pthread_kill(t, SIGUSR1));
		else
			CHECK(kill(getpid(), SIGUSR1) == 0);
		while (__atomic_load_n(&hits, __ATOMIC_SEQ_CST) < i)
			sched_yield();
	}
	thread_join(t);
	puts("ok");
	return 0;
}
