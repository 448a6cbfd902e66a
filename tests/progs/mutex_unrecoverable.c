/* SPDX-License-Identifier: MIT */
/*
 * mutex_unrecoverable - a robust mutex unlocked without being made consistent is ENOTRECOVERABLE
 * for all after
 *
 * uses: futex exit
 */
#include "prog.h"

static pthread_mutex_t lock;

static void *die_with_lock(void *arg)
{
	CHECK0(pthread_mutex_lock(&lock));
	return arg;
}

static void *too_late(void *arg)
{
	CHECK_RET(pthread_mutex_lock(&lock), ENOTRECOVERABLE);
	return arg;
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t t;

	CHECK0(pthread_mutexattr_init(&attr));
	CHECK0(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	CHECK0(pthread_mutex_init(&lock, &attr));
	thread_join(thread_start(die_with_lock, NULL));
	CHECK_RET(pthread_mutex_trylock(&lock), EOWNERDEAD);
	/* One waiter: glibc's unlock of a lost mutex, by a waiter, wakes no other. */
	t = thread_start(too_late, NULL);
	CHECK0(pthread_mutex_unlock(&lock));
	thread_join(t);
	for (int i = 0; i < 4; i++)
		thread_join(thread_start(too_late, NULL));
	puts("ok");
	return 0;
}
