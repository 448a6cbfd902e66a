/* SPDX-License-Identifier: MIT */
/*
 * futex_absolute - FUTEX_WAIT_BITSET has absolute timeouts, on the monotonic and on the real-time
 * clock
 *
 * uses: futex
 */
#include "futex.h"

static _Atomic uint32_t word;

static void wait_until(clockid_t clock, int ms)
{
	int op = FUTEX_WAIT_BITSET_PRIVATE | (clock == CLOCK_REALTIME ? FUTEX_CLOCK_REALTIME : 0);
	struct timespec end = clock_after(clock, ms);

	CHECK_ERRNO(futex(&word, op, 0, &end, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
	CHECK(clock_ns(clock) >= end.tv_sec * 1000000000LL + end.tv_nsec);
}

static void *run(void *arg)
{
	wait_until(CLOCK_MONOTONIC, 30);
	wait_until(CLOCK_REALTIME, 30);
	wait_until(CLOCK_MONOTONIC, -100);
	wait_until(CLOCK_REALTIME, -100);
	return arg;
}

int main(void)
{
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		t[i] = thread_start(run, NULL);
	run(NULL);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
