/* SPDX-License-Identifier: MIT */
/*
 * signalled.h - a thread that gets a signal while it blocks in a call
 *
 * signalled_run() signals the thread again and again until it says that it is through, so that the
 * signal comes into the call at the latest with the second try, whatever the machine does meanwhile.
 */
#ifndef TESTS_SIGNALLED_H
#define TESTS_SIGNALLED_H

#include "prog.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_int signalled_hits, signalled_done;
static __thread int signalled_mine; /* hits in this thread */

static inline void signalled_handler(int sig)
{
	(void)sig;
	signalled_hits++;
	signalled_mine++;
}

/* The handler for SIGUSR1, with SA_RESTART or without. */
static inline void signalled_install(int flags)
{
	struct sigaction sa = { .sa_handler = signalled_handler, .sa_flags = flags };

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
}

/* Signals a thread that runs `fn` until it sets signalled_done, or `hits` times if that is not 0. */
static inline pthread_t signalled_run(void *(*fn)(void *), void *arg, int hits)
{
	pthread_t t;

	signalled_done = 0;
	signalled_hits = 0;
	t = thread_start(fn, arg);
	while (!signalled_done && (hits == 0 || signalled_hits < hits)) {
		CHECK0(pthread_kill(t, SIGUSR1));
		usleep(500);
	}
	return t;
}

#endif
