/* SPDX-License-Identifier: MIT */
/*
 * signal_suspend - sigsuspend and ppoll with a mask let a signal in only while they wait, and
 * restore the mask
 *
 * uses: rt_sigsuspend ppoll pselect6 tgkill
 */
#include "prog.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/select.h>

static __thread volatile sig_atomic_t hits;
static atomic_int rounds;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static void *run(void *arg)
{
	struct pollfd p = { -1, 0, 0 };
	sigset_t open, now;

	CHECK0(pthread_sigmask(SIG_BLOCK, NULL, &open));
	CHECK(sigismember(&open, SIGUSR1) == 1);
	sigdelset(&open, SIGUSR1);
	for (int i = 1; i <= 30; i++) {
		rounds++; /* main sends one signal a round: it may be pending when we wait */
		switch (i % 3) {
		case 0:
			CHECK_ERRNO(sigsuspend(&open), EINTR);
			break;
		case 1:
			CHECK_ERRNO(ppoll(&p, 1, NULL, &open), EINTR);
			break;
		case 2:
			CHECK_ERRNO(pselect(0, NULL, NULL, NULL, NULL, &open), EINTR);
			break;
		}
		CHECK(hits == i);
		CHECK0(pthread_sigmask(SIG_BLOCK, NULL, &now));
		CHECK(sigismember(&now, SIGUSR1) == 1);
	}
	return arg;
}

int main(void)
{
	sigset_t set;
	pthread_t t;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	t = thread_start(run, NULL);
	for (int i = 1; i <= 30; i++) {
		while (rounds < i)
			sched_yield();
		CHECK0(pthread_kill(t, SIGUSR1));
	}
	thread_join(t);
	puts("ok");
	return 0;
}
