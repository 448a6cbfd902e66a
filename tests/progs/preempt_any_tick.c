/* SPDX-License-Identifier: MIT */
/*
 * preempt_any_tick - a thread that computes for ever gives way, however many decisions the
 * scheduler has taken before
 *
 * uses: yield
 */
#include "prog.h"

#include <sched.h>

enum { ROUNDS = 70 };

static volatile int stop, going;

static void *hog(void *arg)
{
	going = 1;
	while (!stop)
		;
	return arg;
}

int main(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t t;

		going = stop = 0;
		t = thread_start(hog, NULL);
		while (!going)
			sched_yield();
		for (int k = 0; k < i % 3; k++)
			sched_yield();
		stop = 1;
		thread_join(t);
	}
	printf("ok\n");
	return 0;
}
