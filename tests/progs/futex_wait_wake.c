/* SPDX-License-Identifier: MIT */
/*
 * futex_wait_wake - a wake releases as many waiters as it says and returns their number
 *
 * uses: futex
 */
#include "futex.h"

static _Atomic uint32_t stage, word;
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

	CHECK(futex_wake(&word, 1) == 0);
	for (int i = 0; i < 10; i++)
		t[i] = thread_start(wait_once, NULL);
	futex_settle(&stage, &word, 0, 10);
	CHECK(woken == 0);
	CHECK(futex_wake(&word, 3) == 3);
	while (woken < 3)
		sched_yield();
	CHECK(woken == 3);
	CHECK(futex_wake(&word, INT_MAX) == 7);
	for (int i = 0; i < 10; i++)
		thread_join(t[i]);
	CHECK(futex_wake(&word, INT_MAX) == 0);
	printf("%d\n", woken);
	return 0;
}
