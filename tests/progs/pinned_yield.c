/* SPDX-License-Identifier: MIT */
/*
 * pinned_yield - threads with a kernel state of their own and threads without yield to each other, block on each
 * other, and all come to their end
 *
 * uses: prctl sched_yield futex
 */
#include "prog.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/prctl.h>

enum { THREADS = 6, ROUNDS = 300 };

static atomic_int turn;
static sem_t sems[THREADS];

static void *run(void *arg)
{
	int me = (int)(intptr_t)arg;

	/* Every other one cannot change its kernel thread from here on. */
	if (me % 2)
		CHECK(prctl(PR_SET_TIMERSLACK, 12345) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		while (turn % THREADS != me)
			sched_yield();
		turn++;
	}
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(sem_wait(&sems[me]) == 0);
		CHECK(sem_post(&sems[(me + 1) % THREADS]) == 0);
	}
	if (me % 2)
		CHECK(prctl(PR_GET_TIMERSLACK) == 12345);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(sem_init(&sems[i], 0, i == 0) == 0);
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	printf("%d\n", turn);
	return 0;
}
