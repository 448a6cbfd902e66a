/* SPDX-License-Identifier: MIT */
/*
 * join_errors - join refuses itself and the detached, tryjoin and timedjoin say what is still
 * running
 *
 * uses: futex
 */
#include "prog.h"

#include <semaphore.h>

static sem_t go;

static void *self_join(void *arg)
{
	CHECK_RET(pthread_join(pthread_self(), NULL), EDEADLK);
	return arg;
}

static void *wait_go(void *arg)
{
	sem_wait(&go);
	return arg;
}

int main(void)
{
	struct timespec soon = clock_after(CLOCK_REALTIME, 30),
			never = clock_after(CLOCK_MONOTONIC, 60000);
	pthread_t t, detached;
	void *ret;

	sem_init(&go, 0, 0);
	thread_join(thread_start(self_join, NULL));

	t = thread_start(wait_go, &go);
	CHECK_RET(pthread_tryjoin_np(t, &ret), EBUSY);
	CHECK_RET(pthread_timedjoin_np(t, &ret, &soon), ETIMEDOUT);
	CHECK(clock_ns(CLOCK_REALTIME) >= soon.tv_sec * 1000000000LL + soon.tv_nsec);
	sem_post(&go);
	CHECK0(pthread_clockjoin_np(t, &ret, CLOCK_MONOTONIC, &never));
	CHECK(ret == &go);

	detached = thread_start(wait_go, NULL);
	CHECK0(pthread_detach(detached));
	CHECK_RET(pthread_join(detached, NULL), EINVAL);
	CHECK_RET(pthread_detach(detached), EINVAL);
	sem_post(&go);

	puts("ok");
	return 0;
}
