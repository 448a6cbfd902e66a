/* SPDX-License-Identifier: MIT */
/*
 * futex_timeout - waits with a relative timeout end with ETIMEDOUT after their time, many at once,
 * longest first
 *
 * uses: futex
 */
#include "futex.h"

static _Atomic uint32_t word;

static void *wait_ms(void *arg)
{
	int64_t ms = (intptr_t)arg, start = clock_ns(CLOCK_MONOTONIC);
	struct timespec rel = { 0, ms * 1000000 };

	CHECK_ERRNO(futex_wait(&word, 0, &rel), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) - start >= ms * 1000000);
	return NULL;
}

int main(void)
{
	pthread_t t[20];

	wait_ms((void *)0);
	for (intptr_t i = 0; i < 20; i++)
		t[i] = thread_start(wait_ms, (void *)(100 - 5 * i));
	for (int i = 0; i < 20; i++)
		thread_join(t[i]);
	CHECK(futex_wake(&word, INT_MAX) == 0);
	puts("ok");
	return 0;
}
