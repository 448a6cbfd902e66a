/* SPDX-License-Identifier: MIT */
/*
 * futex_waitv - futex_waitv waits on several words, returns the index of the one that was woken,
 * and times out
 *
 * uses: futex_waitv futex
 */
#include "futex.h"

static _Atomic uint32_t words[4];
static atomic_int entered;

static long waitv(uint32_t expect, const struct timespec *end)
{
	struct futex_waitv v[4] = { 0 };

	for (int i = 0; i < 4; i++) {
		v[i].uaddr = (uintptr_t)&words[i];
		v[i].val = i == 1 ? expect : 0;
		v[i].flags = FUTEX_32 | FUTEX_PRIVATE_FLAG;
	}
	return syscall(SYS_futex_waitv, v, 4, 0, end, CLOCK_MONOTONIC);
}

static void *wait_any(void *arg)
{
	(void)arg;
	entered++;
	return (void *)waitv(0, NULL);
}

int main(void)
{
	struct timespec end = clock_after(CLOCK_MONOTONIC, 30);

	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == -1 && errno == ENOSYS)
		prog_skip("no futex_waitv");
	CHECK_ERRNO(waitv(1, NULL), EAGAIN);
	CHECK_ERRNO(waitv(0, &end), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	for (int i = 3; i >= 0; i--) {
		pthread_t t = thread_start(wait_any, NULL);

		while (futex_wake(&words[i], 1) == 0)
			sched_yield();
		CHECK((intptr_t)thread_join(t) == i);
		for (int j = 0; j < 4; j++)
			CHECK(futex_wake(&words[j], INT_MAX) == 0);
	}
	printf("%d\n", entered);
	return 0;
}
