/* SPDX-License-Identifier: MIT */
/*
 * preempt_pingpong - two threads that wake each other and one that only computes: neither side keeps the other
 * from going on
 *
 * uses: futex
 */
#include "prog.h"

#include <semaphore.h>
#include <stdatomic.h>

enum { TIMES = 20, BOUNCES = 2000, STEPS = 2000 };

static sem_t ping, pong;
static atomic_long bounces, steps;
static atomic_bool stop;

static void *bounce(void *arg)
{
	bool first = arg != NULL;

	while (!stop) {
		CHECK(sem_wait(first ? &ping : &pong) == 0);
		bounces++;
		CHECK(sem_post(first ? &pong : &ping) == 0);
	}
	sem_post(first ? &pong : &ping);
	return NULL;
}

static void *hog(void *arg)
{
	uint64_t sum = 1;

	while (!stop) {
		sum = compute(sum, 100);
		steps++;
	}
	return sum ? arg : NULL;
}

/* Each side in turn must get so much further, while the other one never pauses. */
static void *watch(void *arg)
{
	for (int i = 0; i < TIMES; i++) {
		long had_bounces = bounces, had_steps = steps;

		while (bounces - had_bounces < BOUNCES || steps - had_steps < STEPS)
			sched_yield();
	}
	stop = true;
	return arg;
}

int main(void)
{
	pthread_t t[4];

	CHECK(sem_init(&ping, 0, 1) == 0 && sem_init(&pong, 0, 0) == 0);
	t[0] = thread_start(bounce, &ping);
	t[1] = thread_start(bounce, NULL);
	t[2] = thread_start(hog, NULL);
	t[3] = thread_start(watch, NULL);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
