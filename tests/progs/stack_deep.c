/* SPDX-License-Identifier: MIT */
/*
 * stack_deep - four threads at once use 6 MB of their 8 MB stacks and keep what they wrote there
 *
 * uses: clone3 sched_yield
 */
#include "prog.h"

#include <sched.h>

static uint64_t deeper(int left, uint64_t seed)
{
	volatile char frame[1024];
	uint64_t sum;

	memset((char *)frame, (int)seed, sizeof(frame));
	if (left == 0) {
		sched_yield();
		return seed;
	}
	sum = deeper(left - 1, seed + 1);
	for (size_t i = 0; i < sizeof(frame); i += 100)
		CHECK(frame[i] == (char)seed);
	return sum + frame[0];
}

static void *run(void *arg)
{
	return (void *)deeper(5500, (uintptr_t)arg);
}

int main(void)
{
	pthread_t t[4];

	for (uintptr_t i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = thread_start(run, (void *)i);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		printf("%d\n", (int)(intptr_t)thread_join(t[i]));
	return 0;
}
