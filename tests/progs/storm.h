/* SPDX-License-Identifier: MIT */
/*
 * storm.h - a process of its own that sends SIGUSR1 to this one all the time
 *
 * Only the thread that calls storm_start() takes it; threads made later block it, and must not notice.
 */
#ifndef TESTS_STORM_H
#define TESTS_STORM_H

#include "prog.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static pid_t storm_pid;
static volatile sig_atomic_t storm_hits;
static sigset_t storm_set;

static void storm_handler(int sig)
{
	(void)sig;
	storm_hits++;
}

static inline void storm_start(void)
{
	struct sigaction sa = { .sa_handler = storm_handler, .sa_flags = SA_RESTART };
	pid_t parent = getpid();

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	sigemptyset(&storm_set);
	sigaddset(&storm_set, SIGUSR1);
	storm_pid = fork();
	CHECK(storm_pid >= 0);
	if (storm_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent) {
			kill(parent, SIGUSR1);
			usleep(500);
		}
		_exit(0);
	}
}

/* A thread that blocks the signal, while the caller takes it and computes; its value. */
static inline void *storm_run(void *(*fn)(void *), void *arg)
{
	uint64_t sum = 0;
	pthread_t t;
	void *ret;

	CHECK0(pthread_sigmask(SIG_BLOCK, &storm_set, NULL));
	t = thread_start(fn, arg);
	CHECK0(pthread_sigmask(SIG_UNBLOCK, &storm_set, NULL));
	while (pthread_tryjoin_np(t, &ret) == EBUSY) {
		sum = compute(sum, 1000);
		usleep(100);
	}
	return ret;
}

static inline void storm_stop(void)
{
	CHECK(kill(storm_pid, SIGKILL) == 0 && waitpid(storm_pid, NULL, 0) == storm_pid);
	CHECK(storm_hits > 0);
}

#endif
