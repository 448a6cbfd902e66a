/* SPDX-License-Identifier: MIT */
/*
 * mutex_trylock - trylock fails with EBUSY while another thread holds the mutex and succeeds after
 *
 * uses: futex
 */
#include "prog.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *try_busy(void *arg)
{
	CHECK_RET(pthread_mutex_trylock(&lock), EBUSY);
	return arg;
}

static void *try_free(void *arg)
{
	CHECK0(pthread_mutex_trylock(&lock));
	CHECK0(pthread_mutex_unlock(&lock));
	return arg;
}

int main(void)
{
	CHECK0(pthread_mutex_trylock(&lock));
	thread_join(thread_start(try_busy, NULL));
	CHECK0(pthread_mutex_unlock(&lock));
	thread_join(thread_start(try_free, NULL));
	CHECK0(pthread_mutex_destroy(&lock));
	puts("ok");
	return 0;
}
