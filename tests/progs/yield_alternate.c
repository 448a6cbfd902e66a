/* SPDX-License-Identifier: MIT */
/*
 * yield_alternate - four threads that yield until their turn comes pass it round 5,000 times
 *
 * uses: sched_yield
 */
#include "prog.h"

#include <stdatomic.h>

enum { ROUNDS = 20000 };

static atomic_int turn;

/* Each yields until it is its turn: no thread can be through unless the others run, too. */
static void *run(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < ROUNDS / 4; i++) {
		while (turn % 4 != me)
			sched_yield();
		turn++;
	}
	return NULL;
}

int main(void)
{
	pthread_t t[4];

	for (intptr_t i = 0; i < 4; i++)
		t[i] = thread_start(run, (void *)i);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	printf("%d\n", turn);
	return 0;
}
