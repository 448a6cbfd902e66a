/* SPDX-License-Identifier: MIT */
/*
 * cond_timed_signalled - a timed wait that is signalled before its time returns 0, and the timeout
 * does no harm later
 *
 * uses: futex
 */
#include "prog.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER, back = PTHREAD_COND_INITIALIZER;
static int turn;

static void *partner(void *arg)
{
	struct timespec end = clock_after(CLOCK_MONOTONIC, 60000);

	pthread_mutex_lock(&lock);
	for (int i = 0; i < 1000; i++) {
		while (turn == 0)
			CHECK0(pthread_cond_clockwait(&cond, &lock, CLOCK_MONOTONIC, &end));
		turn = 0;
		pthread_cond_signal(&back);
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(void)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 60000);
	pthread_t t = thread_start(partner, NULL);

	pthread_mutex_lock(&lock);
	for (int i = 0; i < 1000; i++) {
		turn = 1;
		pthread_cond_signal(&cond);
		while (turn == 1)
			CHECK0(pthread_cond_timedwait(&back, &lock, &end));
	}
	pthread_mutex_unlock(&lock);
	thread_join(t);
	puts("ok");
	return 0;
}
