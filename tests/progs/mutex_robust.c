/* SPDX-License-Identifier: MIT */
/*
 * mutex_robust - a robust mutex whose owner ended goes to a waiter with EOWNERDEAD and can be made
 * consistent
 *
 * uses: set_robust_list futex exit
 */
#include "prog.h"

#include <semaphore.h>

static pthread_mutex_t lock[3];
static sem_t locked, go;

static void *die_with_locks(void *arg)
{
	for (int i = 0; i < 3; i++)
		CHECK0(pthread_mutex_lock(&lock[i]));
	sem_post(&locked);
	sem_wait(&go);
	return arg;
}

static void *wait_for(void *arg)
{
	int ret = pthread_mutex_lock(arg);

	if (ret == EOWNERDEAD)
		CHECK0(pthread_mutex_consistent(arg));
	else
		CHECK0(ret);
	CHECK0(pthread_mutex_unlock(arg));
	return (void *)(intptr_t)(ret == EOWNERDEAD);
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t owner, waiters[12];
	int dead = 0;

	CHECK0(pthread_mutexattr_init(&attr));
	CHECK0(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	for (int i = 0; i < 3; i++)
		CHECK0(pthread_mutex_init(&lock[i], &attr));
	sem_init(&locked, 0, 0);
	sem_init(&go, 0, 0);
	for (int round = 0; round < 20; round++) {
		owner = thread_start(die_with_locks, NULL);
		sem_wait(&locked);
		for (int i = 0; i < 12; i++)
			waiters[i] = thread_start(wait_for, &lock[i % 3]);
		sem_post(&go);
		thread_join(owner);
		for (int i = 0; i < 12; i++)
			dead += (int)(intptr_t)thread_join(waiters[i]);
	}
	printf("%d\n", dead);
	return 0;
}
