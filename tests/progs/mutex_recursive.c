/* SPDX-License-Identifier: MIT */
/*
 * mutex_recursive - a recursive mutex counts its owner's locks and keeps others out until the last
 * is undone
 *
 * uses: futex
 */
#include "prog.h"

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void *try_lock(void *arg)
{
	CHECK_RET(pthread_mutex_trylock(&lock), *(int *)arg);
	if (*(int *)arg == 0)
		CHECK0(pthread_mutex_unlock(&lock));
	else
		CHECK_RET(pthread_mutex_unlock(&lock), EPERM);
	return NULL;
}

int main(void)
{
	int busy = EBUSY, free = 0;

	for (int i = 0; i < 3; i++)
		CHECK0(pthread_mutex_lock(&lock));
	CHECK0(pthread_mutex_trylock(&lock));
	for (int i = 0; i < 4; i++) {
		thread_join(thread_start(try_lock, &busy));
		CHECK0(pthread_mutex_unlock(&lock));
	}
	thread_join(thread_start(try_lock, &free));
	CHECK_RET(pthread_mutex_unlock(&lock), EPERM);
	puts("ok");
	return 0;
}
