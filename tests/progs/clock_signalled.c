/* SPDX-License-Identifier: MIT */
/*
 * clock_signalled - a thread that does nothing but ask for the time takes its signals, and lets others run
 *
 * uses: tgkill clock_gettime futex
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

enum { SIGNALS = 300 };

static atomic_int stop;
static int taken;
static sem_t sem;

static void on_signal(int sig)
{
	(void)sig;
	taken++;
	sem_post(&sem);
}

static void *run(void *arg)
{
	struct timespec ts;

	while (!stop)
		clock_gettime(CLOCK_MONOTONIC, &ts);
	return arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&sem, 0, 0);
	signal(SIGUSR1, on_signal);
	t = thread_start(run, NULL);
	for (int i = 0; i < SIGNALS; i++) {
		CHECK0(pthread_kill(t, SIGUSR1));
		sem_wait(&sem);
	}
	stop = 1;
	thread_join(t);
	printf("%d\n", taken);
	return 0;
}
