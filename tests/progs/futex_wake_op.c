/* SPDX-License-Identifier: MIT */
/*
 * futex_wake_op - FUTEX_WAKE_OP changes a second word and wakes its waiters if the old value
 * compares
 *
 * uses: futex
 */
#include "futex.h"

static _Atomic uint32_t stage, first, second;
static atomic_int woken;

static void *wait_once(void *arg)
{
	futex_enter(8, (int)(intptr_t)arg);
	CHECK(futex_wait(&stage, 0, NULL) == 0);
	woken++;
	return NULL;
}

static long wake_op(uint32_t wake1, uintptr_t wake2, uint32_t op)
{
	return futex(&first, FUTEX_WAKE_OP_PRIVATE, wake1, (const void *)wake2, &second, op);
}

int main(void)
{
	pthread_t t[8];

	for (intptr_t i = 0; i < 8; i++)
		t[i] = thread_start(wait_once, (void *)i);
	for (int i = 0; i < 8; i++) {
		futex_turn = i;
		futex_settle(&stage, i < 2 ? &first : &second, 0, 1);
	}
	second = 5;
	/* Does not compare: wakes at the first word only, but the operation is done. */
	CHECK(wake_op(1, 4, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 6)) == 1);
	CHECK(second == 8);
	CHECK(wake_op(1, 1, FUTEX_OP(FUTEX_OP_SET, 12, FUTEX_OP_CMP_GE, 8)) == 2);
	CHECK(second == 12);
	CHECK(wake_op(1, 1, FUTEX_OP(FUTEX_OP_OR, 3, FUTEX_OP_CMP_LT, 13)) == 1);
	CHECK(second == 15);
	CHECK(wake_op(1, 1, FUTEX_OP(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_NE, 0)) == 1);
	CHECK(second == 14);
	CHECK(wake_op(1, 1,
		      FUTEX_OP((FUTEX_OP_XOR | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_GT, 100)) ==
	      0);
	CHECK(second == 30);
	CHECK(wake_op(9, 9, FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_LE, 30)) == 3);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	printf("%d\n", woken);
	return 0;
}
