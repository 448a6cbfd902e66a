/* SPDX-License-Identifier: MIT */
/*
 * signal_stacked - sigsuspend lets in all that is pending, one handler on top of the other, and each
 * runs with what the others block
 *
 * uses: rt_sigsuspend tgkill rt_sigaction
 */
#include "prog.h"

#include <signal.h>

static __thread int n, order[3];
static __thread bool nested;

static void on_signal(int sig)
{
	sigset_t now;

	CHECK0(pthread_sigmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, sig) == 1);
	nested |= sig == SIGUSR1 && n > 0;
	order[n++] = sig;
}

static void *run(void *arg)
{
	sigset_t open, now;

	CHECK0(pthread_sigmask(SIG_BLOCK, NULL, &open));
	sigdelset(&open, SIGUSR1);
	sigdelset(&open, SIGUSR2);
	for (int i = 0; i < 50; i++) {
		n = 0;
		nested = false;
		CHECK0(pthread_kill(pthread_self(), SIGUSR1));
		CHECK0(pthread_kill(pthread_self(), SIGUSR2));
		CHECK_ERRNO(sigsuspend(&open), EINTR);
		CHECK(n == 2 && order[0] == SIGUSR2 && order[1] == SIGUSR1 && nested);
		CHECK0(pthread_sigmask(SIG_BLOCK, NULL, &now));
		CHECK(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGUSR2) == 1);
	}
	return arg;
}

int main(void)
{
	sigset_t set;

	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR && signal(SIGUSR2, on_signal) != SIG_ERR);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < 3; i++)
		thread_join(thread_start(run, NULL));
	run(NULL);
	puts("ok");
	return 0;
}
