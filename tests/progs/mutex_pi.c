/* SPDX-License-Identifier: MIT */
/*
 * mutex_pi - mutexes with priority inheritance count right, refuse a second lock, time out, and
 * outlive an owner
 *
 * uses: futex
 */
#include "prog.h"

#include <sched.h>

static pthread_mutex_t lock, checked, robust;
static long counter;

static void *add(void *arg)
{
	for (int i = 0; i < 300; i++) {
		long seen;

		CHECK0(pthread_mutex_lock(&lock));
		seen = counter;
		if (i % 17 == 0)
			sched_yield();
		counter = seen + 1;
		CHECK0(pthread_mutex_unlock(&lock));
	}
	return arg;
}

static void *fail_to_lock(void *arg)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 30);

	CHECK_RET(pthread_mutex_trylock(&checked), EBUSY);
	CHECK_RET(pthread_mutex_timedlock(&checked, &end), ETIMEDOUT);
	CHECK_RET(pthread_mutex_unlock(&checked), EPERM);
	return arg;
}

static void *die_with_lock(void *arg)
{
	CHECK0(pthread_mutex_lock(&robust));
	return arg;
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t t[8];

	CHECK0(pthread_mutexattr_init(&attr));
	CHECK0(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
	CHECK0(pthread_mutex_init(&lock, &attr));
	CHECK0(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK));
	CHECK0(pthread_mutex_init(&checked, &attr));
	CHECK0(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	CHECK0(pthread_mutex_init(&robust, &attr));
	for (int i = 0; i < 8; i++)
		t[i] = thread_start(add, NULL);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	CHECK0(pthread_mutex_lock(&checked));
	CHECK_RET(pthread_mutex_lock(&checked), EDEADLK);
	thread_join(thread_start(fail_to_lock, NULL));
	CHECK0(pthread_mutex_unlock(&checked));
	thread_join(thread_start(die_with_lock, NULL));
	CHECK_RET(pthread_mutex_lock(&robust), EOWNERDEAD);
	CHECK0(pthread_mutex_consistent(&robust));
	CHECK0(pthread_mutex_unlock(&robust));
	printf("%ld\n", counter);
	return 0;
}
