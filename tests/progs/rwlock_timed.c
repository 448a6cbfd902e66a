/* SPDX-License-Identifier: MIT */
/*
 * rwlock_timed - timed locks of a rwlock give up not before their time and take it when it is freed
 *
 * uses: futex
 */
#include "prog.h"

#include <semaphore.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t trying;

static void *give_up(void *arg)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 30);

	CHECK_RET(pthread_rwlock_timedrdlock(&lock, &end), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_REALTIME) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	end = clock_after(CLOCK_MONOTONIC, 30);
	CHECK_RET(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &end), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	return arg;
}

static void *get_it(void *arg)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 60000);

	sem_post(&trying);
	if (arg)
		CHECK0(pthread_rwlock_timedwrlock(&lock, &end));
	else
		CHECK0(pthread_rwlock_timedrdlock(&lock, &end));
	CHECK0(pthread_rwlock_unlock(&lock));
	return NULL;
}

int main(void)
{
	pthread_t t[6];

	CHECK0(pthread_rwlock_wrlock(&lock));
	thread_join(thread_start(give_up, NULL));
	sem_init(&trying, 0, 0);
	for (intptr_t i = 0; i < 6; i++)
		t[i] = thread_start(get_it, (void *)(i % 2));
	for (int i = 0; i < 6; i++)
		sem_wait(&trying);
	CHECK0(pthread_rwlock_unlock(&lock));
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
