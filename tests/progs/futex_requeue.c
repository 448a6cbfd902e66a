/* SPDX-License-Identifier: MIT */
/*
 * futex_requeue - requeue wakes some waiters and moves others to a second word, where wakes then
 * find them
 *
 * uses: futex
 */
#include "futex.h"

static _Atomic uint32_t stage, first, second;
static atomic_int woken;

static void *wait_once(void *arg)
{
	futex_enter(10, 0);
	CHECK(futex_wait(&stage, 0, NULL) == 0);
	woken++;
	return arg;
}

int main(void)
{
	pthread_t t[10];

	for (int i = 0; i < 10; i++)
		t[i] = thread_start(wait_once, NULL);
	futex_settle(&stage, &first, 0, 10);
	/* The plain form returns how many it woke, the comparing form how many it woke and moved. */
	CHECK(futex(&first, FUTEX_REQUEUE_PRIVATE, 2, (void *)3, &second, 0) >= 2);
	first = 7;
	CHECK_ERRNO(futex_requeue(&first, 1, 1, &second, 0), EAGAIN);
	CHECK(futex_requeue(&first, 1, 2, &second, 7) == 3);
	while (woken < 3)
		sched_yield();
	CHECK(woken == 3);
	CHECK(futex_wake(&second, INT_MAX) == 5);
	CHECK(futex_wake(&first, INT_MAX) == 2);
	for (int i = 0; i < 10; i++)
		thread_join(t[i]);
	printf("%d\n", woken);
	return 0;
}
