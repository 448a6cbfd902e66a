/* SPDX-License-Identifier: MIT */
/*
 * block_timerfd - eight threads blocked in reading timers that the computing thread arms
 *
 * uses: timerfd_create timerfd_settime read
 */
#include "blocked.h"

#include <sys/timerfd.h>

static int fds[BLOCKED];

static void *wait_tick(void *arg)
{
	uint64_t ticks = 0;

	blocked_now();
	CHECK(read(fds[(intptr_t)arg], &ticks, sizeof(ticks)) == sizeof(ticks) && ticks == 1);
	return arg;
}

static void release(intptr_t i)
{
	struct itimerspec in_5ms = { .it_value = { 0, 5000000 } };

	CHECK(timerfd_settime(fds[i], 0, &in_5ms, NULL) == 0);
}

int main(void)
{
	for (int i = 0; i < BLOCKED; i++) {
		fds[i] = timerfd_create(CLOCK_MONOTONIC, 0);
		CHECK(fds[i] >= 0);
	}
	blocked_run(wait_tick, release);
	return 0;
}
