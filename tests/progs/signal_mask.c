/* SPDX-License-Identifier: MIT */
/*
 * signal_mask - signal masks are each thread's own, inherited at creation; blocked signals stay
 * pending till unblocked
 *
 * uses: rt_sigprocmask rt_sigpending tgkill
 */
#include "prog.h"

#include <signal.h>

static __thread volatile sig_atomic_t hits;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static void *run(void *arg)
{
	sigset_t set, old, pending;

	CHECK0(pthread_sigmask(SIG_SETMASK, NULL, &old));
	CHECK(sigismember(&old, SIGUSR1) && sigismember(&old, SIGUSR2) == (arg != NULL));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_kill(pthread_self(), SIGUSR1));
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
	CHECK(hits == 0);
	sched_yield();
	CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	CHECK(hits == 1);
	CHECK(sigpending(&pending) == 0 && sigisemptyset(&pending));
	CHECK0(pthread_kill(pthread_self(), SIGUSR1));
	CHECK(hits == 2);
	CHECK_RET(pthread_sigmask(99, &set, NULL), EINVAL);
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t set, now;
	pthread_t t[8];

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(run, NULL);
	sigaddset(&set, SIGUSR2);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	for (int i = 4; i < 8; i++)
		t[i] = thread_start(run, &set);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	CHECK0(pthread_sigmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGUSR2) == 1 && hits == 0);
	puts("ok");
	return 0;
}
