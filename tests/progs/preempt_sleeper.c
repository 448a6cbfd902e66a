/* SPDX-License-Identifier: MIT */
/*
 * preempt_sleeper - a thread that sleeps 1 ms twenty times gets its turns among four that only
 * compute
 *
 * uses: clock_nanosleep
 */
#include "prog.h"

static int stop;

static void *work(void *arg)
{
	uint64_t sum = (uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		sum = compute(sum, 1000);
	return (void *)(uintptr_t)(sum != 0);
}

static void *nap(void *arg)
{
	int64_t start = now_ms();

	for (int i = 0; i < 20; i++)
		usleep(1000);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	CHECK(now_ms() - start >= 20 && now_ms() - start < 5000);
	return arg;
}

int main(void)
{
	pthread_t t[4], sleeper;

	for (int i = 0; i < 4; i++)
		t[i] = thread_start(work, &t[i]);
	sleeper = thread_start(nap, NULL);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	thread_join(sleeper);
	puts("ok");
	return 0;
}
