/* SPDX-License-Identifier: MIT */
/*
 * futex_bitset - a wake with a bit set reaches only the waiters whose sets meet it
 *
 * uses: futex
 */
#include "futex.h"

static _Atomic uint32_t stage, word;
static atomic_int woken[4];

static void *wait_bit(void *arg)
{
	int bit = (int)(intptr_t)arg % 4;

	futex_enter(12, (int)(intptr_t)arg);
	CHECK(futex(&stage, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 1U << bit) == 0);
	woken[bit]++;
	return NULL;
}

static long wake_bits(int count, uint32_t bits)
{
	return futex(&word, FUTEX_WAKE_BITSET_PRIVATE, count, NULL, NULL, bits);
}

int main(void)
{
	pthread_t t[12];

	for (intptr_t i = 0; i < 12; i++)
		t[i] = thread_start(wait_bit, (void *)i);
	for (int i = 0; i < 12; i++) {
		futex_turn = i;
		futex_settle(&stage, &word, 0, 1);
	}
	CHECK(wake_bits(INT_MAX, 1 << 5) == 0);
	CHECK(wake_bits(INT_MAX, 1 << 2) == 3);
	CHECK(wake_bits(2, 1 << 0 | 1 << 2) == 2);
	while (woken[2] < 3 || woken[0] < 2)
		sched_yield();
	CHECK(woken[0] == 2 && woken[1] == 0 && woken[3] == 0);
	CHECK(futex_wake(&word, INT_MAX) == 7); /* a plain wake meets every set */
	for (int i = 0; i < 12; i++)
		thread_join(t[i]);
	printf("%d %d %d %d\n", woken[0], woken[1], woken[2], woken[3]);
	return 0;
}
