/* SPDX-License-Identifier: MIT */
/*
 * cancel_state - a thread that disables cancellation is not cancelled until it enables it and comes
 * to a point
 *
 * uses: tgkill clock_nanosleep
 */
#include "prog.h"

#include <semaphore.h>

static sem_t disabled, cancelled;
static int reached;

static void *run(void *arg)
{
	int old;

	CHECK0(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
	CHECK(old == PTHREAD_CANCEL_ENABLE);
	sem_post(&disabled);
	sem_wait(&cancelled);
	usleep(1000); /* a cancellation point, were it not disabled */
	pthread_testcancel();
	reached = 1;
	CHECK0(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old));
	CHECK(old == PTHREAD_CANCEL_DISABLE);
	reached = 2;
	pthread_testcancel();
	reached = 3;
	return arg;
}

static void *cancel_self(void *arg)
{
	CHECK0(pthread_cancel(pthread_self()));
	pthread_testcancel();
	reached = 3;
	return arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&disabled, 0, 0);
	sem_init(&cancelled, 0, 0);
	for (int i = 0; i < 20; i++) {
		t = thread_start(run, NULL);
		sem_wait(&disabled);
		CHECK0(pthread_cancel(t));
		sem_post(&cancelled);
		CHECK(thread_join(t) == PTHREAD_CANCELED);
		CHECK(reached == 2);
		CHECK(thread_join(thread_start(cancel_self, NULL)) == PTHREAD_CANCELED);
		CHECK(reached == 2);
	}
	puts("ok");
	return 0;
}
