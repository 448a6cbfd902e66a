/* SPDX-License-Identifier: MIT */
/*
 * preempt_rotation - four threads take turns without a system call: those that wait for theirs spin, and all
 * get it
 *
 * uses: futex
 */
#include "prog.h"

#include <stdatomic.h>

enum { THREADS = 4, TURNS = 80 };

static atomic_int turn;

static void *run(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < TURNS / THREADS; i++) {
		while (turn % THREADS != me)
			;
		turn++;
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	printf("%d\n", turn);
	return 0;
}
