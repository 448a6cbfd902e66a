/* SPDX-License-Identifier: MIT */
/*
 * preempt_flag - four threads spin on a flag that main sets after a sleep: they give way, and see
 * it
 *
 * uses: clock_nanosleep
 */
#include "prog.h"

static int flag;

static void *spin(void *arg)
{
	uint64_t rounds = 0;

	while (!__atomic_load_n(&flag, __ATOMIC_ACQUIRE))
		rounds++;
	return rounds ? arg : NULL;
}

int main(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		t[i] = thread_start(spin, &flag);
	usleep(50000);
	__atomic_store_n(&flag, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
