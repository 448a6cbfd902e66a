/* SPDX-License-Identifier: MIT */
/*
 * futex_mismatch - a wait on a word that holds another value returns EAGAIN at once; bad arguments
 * have their errors
 *
 * uses: futex
 */
#include "futex.h"

static void *run(void *arg)
{
	static _Atomic uint32_t word = 5;
	struct timespec bad = { 0, 1000000000 };

	CHECK_ERRNO(futex_wait(&word, 4, NULL), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 4, NULL, NULL, 1), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex_wait(&word, 5, &bad), EINVAL);
	bad.tv_nsec = -1;
	CHECK_ERRNO(futex_wait(&word, 5, &bad), EINVAL);
	CHECK_ERRNO(futex_wait((_Atomic uint32_t *)((char *)&word + 1), 5, NULL), EINVAL);
	CHECK_ERRNO(futex_wake((_Atomic uint32_t *)((char *)&word + 1), 1), EINVAL);
	CHECK_ERRNO(futex_wait(NULL, 5, NULL), EFAULT);
	CHECK_ERRNO(futex(&word, 99, 5, NULL, NULL, 0), ENOSYS);
	CHECK_ERRNO(futex_requeue(&word, 0, 1, &word + 1, 4), EAGAIN);
	return arg;
}

int main(void)
{
	run(NULL);
	thread_join(thread_start(run, NULL));
	run(NULL);
	puts("ok");
	return 0;
}
