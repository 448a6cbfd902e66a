/* SPDX-License-Identifier: MIT */
/*
 * futex_shared_threads - futexes with the shared flag also work between threads of one process
 *
 * uses: futex
 */
#include "futex.h"

static _Atomic uint32_t words[2];

static void *run(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (uint32_t i = 0; i < 2000; i++) {
		while (words[me] == i)
			CHECK(futex(&words[me], FUTEX_WAIT, i, NULL, NULL, 0) == 0 ||
			      errno == EAGAIN);
		words[!me]++;
		CHECK(futex(&words[!me], FUTEX_WAKE, 1, NULL, NULL, 0) >= 0);
	}
	return NULL;
}

int main(void)
{
	pthread_t a = thread_start(run, (void *)0), b = thread_start(run, (void *)1);

	words[0]++;
	CHECK(futex(&words[0], FUTEX_WAKE, 1, NULL, NULL, 0) >= 0);
	thread_join(a);
	thread_join(b);
	printf("%u %u\n", words[0], words[1]);
	return 0;
}
