/* SPDX-License-Identifier: MIT */
/*
 * block_sleep - eight threads asleep leave the processor to one that computes, and sleep no shorter
 * than they asked
 *
 * uses: clock_nanosleep nanosleep
 */
#include "blocked.h"

static void *nap(void *arg)
{
	intptr_t ms = 20 + 10 * (intptr_t)arg;
	struct timespec end = clock_after(CLOCK_REALTIME, ms);
	int64_t start = clock_ns(CLOCK_MONOTONIC);

	blocked_now();
	if ((intptr_t)arg % 2)
		CHECK0(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL));
	else
		sleep_ms((int)ms);
	CHECK(clock_ns(CLOCK_MONOTONIC) - start >= ms * 1000000 - 2000000);
	return arg;
}

static void release(intptr_t i)
{
	(void)i;
}

int main(void)
{
	blocked_run(nap, release);
	return 0;
}
