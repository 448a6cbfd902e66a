/* SPDX-License-Identifier: MIT */
/*
 * sem_values - semaphores count: post, wait, trywait, getvalue and the overflow
 *
 * uses: futex
 */
#include "prog.h"

#include <limits.h>
#include <semaphore.h>

static sem_t sem, done;

static void *take(void *arg)
{
	CHECK(sem_wait(&sem) == 0);
	CHECK(sem_post(&done) == 0);
	return arg;
}

int main(void)
{
	pthread_t t[20];
	int val;

	CHECK(sem_init(&sem, 0, 2) == 0 && sem_init(&done, 0, 0) == 0);
	CHECK(sem_trywait(&sem) == 0 && sem_wait(&sem) == 0);
	CHECK_ERRNO(sem_trywait(&sem), EAGAIN);
	for (int i = 0; i < 20; i++)
		t[i] = thread_start(take, NULL);
	for (int i = 0; i < 20; i++)
		CHECK(sem_post(&sem) == 0);
	for (int i = 0; i < 20; i++) {
		CHECK(sem_wait(&done) == 0);
		thread_join(t[i]);
	}
	CHECK(sem_getvalue(&sem, &val) == 0);
	CHECK(sem_destroy(&sem) == 0 && sem_init(&sem, 0, SEM_VALUE_MAX) == 0);
	CHECK_ERRNO(sem_post(&sem), EOVERFLOW);
	printf("%d\n", val);
	return 0;
}
