/* SPDX-License-Identifier: MIT */
/*
 * mutex_timedlock - timed locks give up not before their time, on both clocks, and take a mutex
 * that is freed in time
 *
 * uses: futex
 */
#include "prog.h"

#include <semaphore.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t trying;

static void *give_up(void *arg)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 40);
	int64_t start = clock_ns(CLOCK_REALTIME);

	CHECK_RET(pthread_mutex_timedlock(&lock, &end), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_REALTIME) - start >= 40000000 - 1000000);
	end = clock_after(CLOCK_MONOTONIC, 40);
	start = clock_ns(CLOCK_MONOTONIC);
	CHECK_RET(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &end), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_MONOTONIC) - start >= 40000000 - 1000000);
	end = clock_after(CLOCK_REALTIME, -1000);
	CHECK_RET(pthread_mutex_timedlock(&lock, &end), ETIMEDOUT);
	end.tv_nsec = 1000000000;
	CHECK_RET(pthread_mutex_timedlock(&lock, &end), EINVAL);
	return arg;
}

static void *get_it(void *arg)
{
	struct timespec end = clock_after(CLOCK_MONOTONIC, 60000);

	sem_post(&trying);
	CHECK0(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &end));
	CHECK0(pthread_mutex_unlock(&lock));
	return arg;
}

int main(void)
{
	pthread_t t;

	CHECK0(pthread_mutex_lock(&lock));
	thread_join(thread_start(give_up, NULL));
	sem_init(&trying, 0, 0);
	t = thread_start(get_it, NULL);
	sem_wait(&trying);
	CHECK0(pthread_mutex_unlock(&lock));
	thread_join(t);
	puts("ok");
	return 0;
}
