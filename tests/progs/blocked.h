/* SPDX-License-Identifier: MIT */
/*
 * blocked.h - eight threads that block in a call, and a computation that must not wait for them
 *
 * What they block on is released by the thread that computes, and only after it has computed: a
 * scheduler whose blocked threads keep the processors would hang here.  blocked_now() is the last
 * thing a thread does before its call.
 */
#ifndef TESTS_BLOCKED_H
#define TESTS_BLOCKED_H

#include "prog.h"

#include <semaphore.h>

enum { BLOCKED = 8 };

static sem_t blocked_sem;

static inline void blocked_now(void)
{
	CHECK(sem_post(&blocked_sem) == 0);
}

/* `wait` gets the number of its thread; `release` lets that thread go on. */
static inline void blocked_run(void *(*wait)(void *), void (*release)(intptr_t))
{
	pthread_t t[BLOCKED];
	uint64_t sum = 0;

	CHECK(sem_init(&blocked_sem, 0, 0) == 0);
	for (intptr_t i = 0; i < BLOCKED; i++)
		t[i] = thread_start(wait, (void *)i);
	for (int i = 0; i < BLOCKED; i++)
		CHECK(sem_wait(&blocked_sem) == 0);
	for (int i = 0; i < 10; i++) {
		sum = compute(sum, 200000);
		sched_yield();
	}
	printf("computed %016llx\n", (unsigned long long)sum);
	for (intptr_t i = 0; i < BLOCKED; i++)
		release(i);
	for (intptr_t i = 0; i < BLOCKED; i++)
		CHECK(thread_join(t[i]) == (void *)i);
	puts("released");
}

#endif
