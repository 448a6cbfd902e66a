/* SPDX-License-Identifier: MIT */
/*
 * barrier_rounds - a barrier keeps 16 threads in step for 200 rounds and elects one of them each
 * time
 *
 * uses: futex
 */
#include "prog.h"

enum { THREADS = 16, ROUNDS = 200 };

static pthread_barrier_t bar;
static int counts[ROUNDS], serial;

static void *run(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int ret;

		__atomic_add_fetch(&counts[i], 1, __ATOMIC_RELAXED);
		ret = pthread_barrier_wait(&bar);
		CHECK(counts[i] == THREADS);
		if (ret == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
		else
			CHECK0(ret);
	}
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];

	CHECK_RET(pthread_barrier_init(&bar, NULL, 0), EINVAL);
	CHECK0(pthread_barrier_init(&bar, NULL, THREADS));
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(run, NULL);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	CHECK0(pthread_barrier_destroy(&bar));
	printf("%d\n", serial);
	return 0;
}
