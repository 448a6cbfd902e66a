/* SPDX-License-Identifier: MIT */
/*
 * once_cancelled - a routine of pthread_once that is cancelled counts as not run: the next caller
 * runs it
 *
 * uses: futex tgkill
 */
#include "prog.h"

#include <semaphore.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t inside;
static int runs;

static void init(void)
{
	if (++runs == 1) {
		sem_post(&inside);
		for (;;)
			pause();
	}
}

static void *run(void *arg)
{
	CHECK0(pthread_once(&once, init));
	return arg;
}

int main(void)
{
	pthread_t first, second;

	sem_init(&inside, 0, 0);
	first = thread_start(run, NULL);
	sem_wait(&inside);
	second = thread_start(run, &runs);
	CHECK0(pthread_cancel(first));
	CHECK(thread_join(first) == PTHREAD_CANCELED);
	CHECK(thread_join(second) == &runs);
	printf("%d\n", runs);
	return 0;
}
