/* SPDX-License-Identifier: MIT */
/*
 * cond_broadcast - a broadcast releases every thread that waits, round after round
 *
 * uses: futex
 */
#include "prog.h"

enum { THREADS = 50, ROUNDS = 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t start = PTHREAD_COND_INITIALIZER, all = PTHREAD_COND_INITIALIZER;
static int waiting, generation;

static void *run(void *arg)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < ROUNDS; i++) {
		if (++waiting == THREADS)
			pthread_cond_signal(&all);
		while (generation <= i)
			CHECK0(pthread_cond_wait(&start, &lock));
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(run, NULL);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < ROUNDS; i++) {
		while (waiting < THREADS)
			pthread_cond_wait(&all, &lock);
		waiting = 0;
		generation++;
		CHECK0(pthread_cond_broadcast(&start));
	}
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	CHECK0(pthread_cond_destroy(&start));
	printf("%d\n", generation);
	return 0;
}
