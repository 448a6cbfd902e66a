/* SPDX-License-Identifier: MIT */
/*
 * cond_queue - four producers and four consumers move every item once through a bounded queue
 *
 * uses: futex
 */
#include "prog.h"

enum { ITEMS = 4000, SIZE = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static long queue[SIZE], head, tail;

static void *produce(void *arg)
{
	for (long i = 1; i <= ITEMS; i++) {
		pthread_mutex_lock(&lock);
		while (head - tail == SIZE)
			pthread_cond_wait(&not_full, &lock);
		queue[head++ % SIZE] = i;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static void *consume(void *arg)
{
	long sum = 0;

	for (int i = 0; i < ITEMS; i++) {
		pthread_mutex_lock(&lock);
		while (head == tail)
			pthread_cond_wait(&not_empty, &lock);
		sum += queue[tail++ % SIZE];
		pthread_cond_signal(&not_full);
		pthread_mutex_unlock(&lock);
	}
	*(long *)arg = sum;
	return NULL;
}

int main(void)
{
	pthread_t p[4], c[4];
	long sums[4], total = 0;

	for (int i = 0; i < 4; i++) {
		p[i] = thread_start(produce, NULL);
		c[i] = thread_start(consume, &sums[i]);
	}
	for (int i = 0; i < 4; i++) {
		thread_join(p[i]);
		thread_join(c[i]);
		total += sums[i];
	}
	printf("%ld\n", total);
	return 0;
}
