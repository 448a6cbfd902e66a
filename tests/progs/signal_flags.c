/* SPDX-License-Identifier: MIT */
/*
 * signal_flags - SA_RESETHAND, SA_NODEFER, sa_mask, SIG_IGN, SIGPIPE and raise in a thread do as
 * they say
 *
 * uses: rt_sigaction tgkill rt_sigreturn write
 */
#include "prog.h"

#include <signal.h>

static __thread volatile int depth, max_depth, hits;

static void recurse(int sig)
{
	hits++;
	if (++depth > max_depth)
		max_depth = depth;
	if (hits < 4)
		raise(sig);
	depth--;
}

static void masked(int sig)
{
	sigset_t now;

	(void)sig;
	hits++;
	CHECK0(pthread_sigmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGUSR1) && sigismember(&now, SIGHUP) &&
	      !sigismember(&now, SIGUSR2));
}

static void *run(void *arg)
{
	struct sigaction sa = { .sa_handler = recurse, .sa_flags = SA_NODEFER }, old;
	int fd[2];

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && raise(SIGUSR1) == 0);
	CHECK(hits == 4 && max_depth == 4 && depth == 0);
	sa.sa_flags = 0;
	hits = max_depth = 0;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && raise(SIGUSR1) == 0);
	CHECK(hits == 4 && max_depth == 1);
	hits = 4;
	sa.sa_flags = SA_RESETHAND;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && raise(SIGUSR1) == 0 && hits == 5);
	CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
	sa = (struct sigaction){ .sa_handler = masked };
	sigaddset(&sa.sa_mask, SIGHUP);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && raise(SIGUSR1) == 0 && hits == 6);
	CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == masked);
	CHECK(sigismember(&old.sa_mask, SIGHUP) && !sigismember(&old.sa_mask, SIGUSR2));
	CHECK(signal(SIGUSR1, SIG_IGN) == masked && raise(SIGUSR1) == 0);
	CHECK(signal(SIGPIPE, masked) == SIG_DFL && signal(SIGPIPE, SIG_IGN) == masked);
	CHECK(pipe(fd) == 0 && close(fd[0]) == 0);
	CHECK_ERRNO(write(fd[1], "x", 1), EPIPE);
	CHECK_ERRNO(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK(sigaction(SIGKILL, NULL, &old) == 0);
	CHECK_RET(pthread_kill(pthread_self(), 0), 0);
	CHECK_RET(pthread_kill(pthread_self(), 99), EINVAL);
	return arg;
}

int main(void)
{
	thread_join(thread_start(run, NULL));
	puts("ok");
	return 0;
}
