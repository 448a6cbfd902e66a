/* SPDX-License-Identifier: MIT */
/*
 * rwlock_counter - readers share a rwlock and see no half-made write; writers have it alone
 *
 * uses: futex
 */
#include "prog.h"

#include <sched.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static long a, b;

static void *reader(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		CHECK0(pthread_rwlock_rdlock(&lock));
		long first = a;

		if (i % 50 == 0)
			sched_yield();
		CHECK(first == b);
		CHECK0(pthread_rwlock_unlock(&lock));
	}
	return arg;
}

static void *writer(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		CHECK0(pthread_rwlock_wrlock(&lock));
		a++;
		if (i % 50 == 0)
			sched_yield();
		b++;
		CHECK0(pthread_rwlock_unlock(&lock));
	}
	return arg;
}

int main(void)
{
	pthread_t t[12];

	for (int i = 0; i < 12; i++)
		t[i] = thread_start(i % 3 ? reader : writer, NULL);
	for (int i = 0; i < 12; i++)
		thread_join(t[i]);
	printf("%ld %ld\n", a, b);
	return 0;
}
