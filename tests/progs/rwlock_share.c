/* SPDX-License-Identifier: MIT */
/*
 * rwlock_share - readers hold a rwlock at the same time; writers and tries are refused meanwhile
 *
 * uses: futex
 */
#include "prog.h"

static pthread_rwlock_t lock;
static pthread_barrier_t bar;

static void *reader(void *arg)
{
	CHECK0(pthread_rwlock_rdlock(&lock));
	pthread_barrier_wait(&bar); /* passes only when all have it */
	pthread_barrier_wait(&bar); /* until main has tried */
	CHECK0(pthread_rwlock_unlock(&lock));
	return arg;
}

static void *try_all(void *arg)
{
	CHECK_RET(pthread_rwlock_tryrdlock(&lock), EBUSY);
	CHECK_RET(pthread_rwlock_trywrlock(&lock), EBUSY);
	return arg;
}

int main(void)
{
	pthread_t t[8];

	CHECK0(pthread_rwlock_init(&lock, NULL));
	CHECK0(pthread_barrier_init(&bar, NULL, 9));
	for (int i = 0; i < 8; i++)
		t[i] = thread_start(reader, NULL);
	pthread_barrier_wait(&bar);
	CHECK_RET(pthread_rwlock_trywrlock(&lock), EBUSY);
	CHECK0(pthread_rwlock_tryrdlock(&lock));
	CHECK0(pthread_rwlock_unlock(&lock));
	pthread_barrier_wait(&bar);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	CHECK0(pthread_rwlock_wrlock(&lock));
	CHECK_RET(pthread_rwlock_rdlock(&lock), EDEADLK);
	thread_join(thread_start(try_all, NULL));
	CHECK0(pthread_rwlock_unlock(&lock));
	CHECK0(pthread_rwlock_destroy(&lock));
	puts("ok");
	return 0;
}
