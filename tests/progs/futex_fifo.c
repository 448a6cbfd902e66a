/* SPDX-License-Identifier: MIT */
/*
 * futex_fifo - waiters on a word are woken in the order in which they came
 *
 * uses: futex
 */
#include "futex.h"

static _Atomic uint32_t stage, word;
static atomic_int last = -1;

static void *wait_turn(void *arg)
{
	futex_enter(16, (int)(intptr_t)arg);
	CHECK(futex_wait(&stage, 0, NULL) == 0);
	last = (int)(intptr_t)arg;
	return NULL;
}

int main(void)
{
	pthread_t t[16];

	for (intptr_t i = 0; i < 16; i++)
		t[i] = thread_start(wait_turn, (void *)i);
	for (int i = 0; i < 16; i++) {
		futex_turn = i;
		futex_settle(&stage, &word, 0, 1);
	}
	for (int i = 0; i < 16; i++) {
		CHECK(futex_wake(&word, 1) == 1);
		while (last != i)
			sched_yield();
		thread_join(t[i]);
	}
	puts("in order");
	return 0;
}
