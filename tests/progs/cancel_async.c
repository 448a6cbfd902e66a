/* SPDX-License-Identifier: MIT */
/*
 * cancel_async - a thread of asynchronous cancel type is cancelled out of a loop that makes no call
 *
 * uses: tgkill
 */
#include "prog.h"

#include <semaphore.h>

static sem_t spinning;
static int cleaned;

static void clean(void *arg)
{
	++*(int *)arg;
}

static void *spin(void *arg)
{
	volatile uint64_t *n = arg;
	int old;

	CHECK0(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old));
	pthread_cleanup_push(clean, &cleaned);
	sem_post(&spinning);
	for (;;)
		++*n;
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	static uint64_t n;

	sem_init(&spinning, 0, 0);
	for (int i = 0; i < 5; i++) {
		pthread_t t = thread_start(spin, &n);

		sem_wait(&spinning);
		CHECK0(pthread_cancel(t));
		CHECK(thread_join(t) == PTHREAD_CANCELED);
	}
	printf("%d\n", cleaned);
	return 0;
}
