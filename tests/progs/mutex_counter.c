/* SPDX-License-Identifier: MIT */
/*
 * mutex_counter - 16 threads under one mutex, of each plain kind, lose no increment
 *
 * uses: futex
 */
#include "prog.h"

#include <sched.h>

static pthread_mutex_t lock;
static long counter;

static void *add(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		long seen;

		CHECK0(pthread_mutex_lock(&lock));
		seen = counter;
		if (i % 97 == 0)
			sched_yield();
		counter = seen + 1;
		CHECK0(pthread_mutex_unlock(&lock));
	}
	return arg;
}

int main(void)
{
	int kinds[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
			PTHREAD_MUTEX_ADAPTIVE_NP };
	pthread_mutexattr_t attr;
	pthread_t t[16];

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		counter = 0;
		CHECK0(pthread_mutexattr_init(&attr));
		CHECK0(pthread_mutexattr_settype(&attr, kinds[k]));
		CHECK0(pthread_mutex_init(&lock, &attr));
		for (int i = 0; i < 16; i++)
			t[i] = thread_start(add, NULL);
		for (int i = 0; i < 16; i++)
			thread_join(t[i]);
		CHECK0(pthread_mutex_destroy(&lock));
		printf("%ld\n", counter);
	}
	return 0;
}
