/* SPDX-License-Identifier: MIT */
/*
 * main_returns - main's return ends the process with its value though threads block, sleep and
 * yield
 *
 * uses: exit_group
 * status: 4
 */
#include "prog.h"

#include <sched.h>

static void *sleeper(void *arg)
{
	sleep(1000);
	return arg;
}

static void *blocked(void *arg)
{
	pthread_cond_t never = PTHREAD_COND_INITIALIZER;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	for (;;)
		pthread_cond_wait(&never, &lock);
	return arg;
}

static void *yielder(void *arg)
{
	for (;;)
		sched_yield();
	return arg;
}

int main(void)
{
	for (int i = 0; i < 5; i++) {
		thread_start(sleeper, NULL);
		thread_start(blocked, NULL);
		thread_start(yielder, NULL);
	}
	usleep(10000);
	puts("main returns");
	return 4;
}
