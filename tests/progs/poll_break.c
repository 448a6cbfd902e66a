/* SPDX-License-Identifier: MIT */
/*
 * poll_break - while threads wait for input that never comes and for deadlines far away, others are woken and
 * wait for earlier deadlines: each is kept
 *
 * uses: read poll futex clock_nanosleep
 */
#include "prog.h"

#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>

static int fds[2];
static sem_t turn[2];
static atomic_bool stop;

static void *wait_input(void *arg)
{
	char byte;

	CHECK(read(fds[0], &byte, 1) == 1);
	return arg;
}

static void *wait_long(void *arg)
{
	struct pollfd p = { .fd = fds[0], .events = POLLIN };

	CHECK(poll(&p, 1, 3600 * 1000) == 1);
	return arg;
}

static void *other(void *arg)
{
	for (;;) {
		struct timespec far = clock_after(CLOCK_REALTIME, 3600 * 1000);

		CHECK(sem_timedwait(&turn[1], &far) == 0);
		if (stop)
			return arg;
		sleep_ms(1);
		CHECK(sem_post(&turn[0]) == 0);
	}
}

int main(void)
{
	pthread_t t[3];

	CHECK(pipe(fds) == 0);
	CHECK(sem_init(&turn[0], 0, 0) == 0 && sem_init(&turn[1], 0, 0) == 0);
	t[0] = thread_start(wait_input, NULL);
	t[1] = thread_start(wait_long, NULL);
	t[2] = thread_start(other, NULL);
	for (int i = 0; i < 50; i++) {
		struct timespec far = clock_after(CLOCK_REALTIME, 3600 * 1000);

		CHECK(sem_post(&turn[1]) == 0);
		CHECK(sem_timedwait(&turn[0], &far) == 0);
	}
	stop = true;
	CHECK(sem_post(&turn[1]) == 0);
	CHECK(write(fds[1], "xy", 2) == 2);
	for (int i = 0; i < 3; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
