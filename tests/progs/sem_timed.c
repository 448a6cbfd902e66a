/* SPDX-License-Identifier: MIT */
/*
 * sem_timed - timed waits on a semaphore give up not before their time and take a post that comes
 * in time
 *
 * uses: futex
 */
#include "prog.h"

#include <semaphore.h>

static sem_t sem, ping;

static void *poster(void *arg)
{
	for (int i = 0; i < 200; i++) {
		CHECK(sem_wait(&ping) == 0);
		CHECK(sem_post(&sem) == 0);
	}
	return arg;
}

int main(void)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 30);
	pthread_t t;

	sem_init(&sem, 0, 0);
	sem_init(&ping, 0, 0);
	CHECK_ERRNO(sem_timedwait(&sem, &end), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_REALTIME) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	end = clock_after(CLOCK_MONOTONIC, 30);
	CHECK_ERRNO(sem_clockwait(&sem, CLOCK_MONOTONIC, &end), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	end.tv_nsec = -1;
	CHECK_ERRNO(sem_timedwait(&sem, &end), EINVAL);
	t = thread_start(poster, NULL);
	for (int i = 0; i < 200; i++) {
		end = clock_after(CLOCK_REALTIME, 60000);
		CHECK(sem_post(&ping) == 0);
		CHECK(sem_timedwait(&sem, &end) == 0);
	}
	thread_join(t);
	puts("ok");
	return 0;
}
