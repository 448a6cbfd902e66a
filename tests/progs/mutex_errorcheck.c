/* SPDX-License-Identifier: MIT */
/*
 * mutex_errorcheck - an error-checking mutex refuses a second lock by its owner and an unlock by
 * another
 *
 * uses: futex
 */
#include "prog.h"

static pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

static void *unlock_foreign(void *arg)
{
	CHECK_RET(pthread_mutex_unlock(&lock), EPERM);
	CHECK_RET(pthread_mutex_trylock(&lock), EBUSY);
	return arg;
}

int main(void)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 60000);

	CHECK0(pthread_mutex_lock(&lock));
	CHECK_RET(pthread_mutex_lock(&lock), EDEADLK);
	CHECK_RET(pthread_mutex_timedlock(&lock, &end), EDEADLK);
	thread_join(thread_start(unlock_foreign, NULL));
	CHECK0(pthread_mutex_unlock(&lock));
	CHECK_RET(pthread_mutex_unlock(&lock), EPERM);
	puts("ok");
	return 0;
}
