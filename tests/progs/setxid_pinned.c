/* SPDX-License-Identifier: MIT */
/*
 * setxid_pinned - what glibc sets for the process holds for threads with kernel state of their own too, also
 * for those that are about to end, and for all that come after
 *
 * uses: setresuid unshare clone3 exit
 */
#include "prog.h"

#include <semaphore.h>
#include <stdatomic.h>

enum { ROUNDS = 30, NOBODY = 65534 };

static sem_t look, seen;
static atomic_int stop;
static uid_t want;

static void own_state(void)
{
	if (unshare(CLONE_FS) != 0)
		prog_skip("unshare is not allowed");
}

static void *stays(void *arg)
{
	own_state();
	for (int i = 0; i < ROUNDS; i++) {
		sem_post(&seen);
		sem_wait(&look);
		CHECK(geteuid() == want);
	}
	return arg;
}

static void *ends(void *arg)
{
	own_state();
	return arg;
}

static void *churn(void *arg)
{
	while (!stop)
		thread_join(thread_start(ends, NULL));
	return arg;
}

static void *fresh(void *arg)
{
	CHECK(geteuid() == want);
	sched_yield();
	CHECK(geteuid() == want);
	return arg;
}

int main(void)
{
	pthread_t pinned, churning;

	if (geteuid() != 0)
		prog_skip("needs root");
	sem_init(&look, 0, 0);
	sem_init(&seen, 0, 0);
	pinned = thread_start(stays, NULL);
	churning = thread_start(churn, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		sem_wait(&seen);
		want = i % 2 ? 0 : NOBODY;
		CHECK(setresuid((uid_t)-1, want, (uid_t)-1) == 0);
		CHECK(geteuid() == want);
		for (int k = 0; k < 4; k++)
			thread_join(thread_start(fresh, NULL));
		sem_post(&look);
	}
	thread_join(pinned);
	stop = 1;
	thread_join(churning);
	puts("ok");
	return 0;
}
