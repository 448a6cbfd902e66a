/* SPDX-License-Identifier: MIT */
/*
 * timer_fair - a sleep ends though other threads never stop waiting for deadlines that have passed, sleeping
 * for nothing, and yielding
 *
 * uses: futex clock_nanosleep poll sched_yield
 */
#include "prog.h"

#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>

static atomic_bool stop;
static sem_t never;

static void *expired(void *arg)
{
	struct timespec past = clock_after(CLOCK_REALTIME, -1000);

	while (!stop)
		CHECK_ERRNO(sem_timedwait(&never, &past), ETIMEDOUT);
	return arg;
}

static void *nap(void *arg)
{
	while (!stop)
		usleep(0);
	return arg;
}

static void *look(void *arg)
{
	while (!stop)
		CHECK(poll(NULL, 0, 0) == 0);
	return arg;
}

static void *yield(void *arg)
{
	while (!stop)
		sched_yield();
	return arg;
}

int main(void)
{
	void *(*const kinds[])(void *) = { expired, nap, look, yield };
	pthread_t t[8];

	CHECK(sem_init(&never, 0, 0) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = thread_start(kinds[i % ARRAY_SIZE(kinds)], NULL);
	for (int i = 0; i < 20; i++)
		sleep_ms(2);
	stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
