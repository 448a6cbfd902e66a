/* SPDX-License-Identifier: MIT */
/*
 * sleep_overlap - a hundred sleepers overlap, wake no sooner than they asked, and absolute sleeps
 * in the past return
 *
 * uses: clock_nanosleep nanosleep
 */
#include "prog.h"

static void *nap(void *arg)
{
	intptr_t ms = (intptr_t)arg;
	struct timespec end = clock_after(CLOCK_MONOTONIC, ms),
			past = clock_after(CLOCK_MONOTONIC, -10);

	CHECK0(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL));
	CHECK(clock_ns(CLOCK_MONOTONIC) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	CHECK0(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL));
	past.tv_nsec = 1000000000;
	CHECK_RET(clock_nanosleep(CLOCK_MONOTONIC, 0, &past, NULL), EINVAL);
	return NULL;
}

int main(void)
{
	int64_t start = now_ms();
	pthread_t t[100];

	for (intptr_t i = 0; i < 100; i++)
		t[i] = thread_start(nap, (void *)(100 - i));
	for (int i = 0; i < 100; i++)
		thread_join(t[i]);
	CHECK(now_ms() - start < 3000); /* one after the other they would take five seconds */
	puts("ok");
	return 0;
}
