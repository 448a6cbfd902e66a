/* SPDX-License-Identifier: MIT */
/*
 * create_detach - detached threads, by attribute, by pthread_detach from outside and from inside,
 * run to their end
 *
 * uses: clone3 exit futex madvise
 */
#include "prog.h"

#include <semaphore.h>

static sem_t done;

static void *run(void *arg)
{
	if (arg)
		CHECK0(pthread_detach(pthread_self()));
	sem_post(&done);
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;
	int state;

	sem_init(&done, 0, 0);
	CHECK0(pthread_attr_init(&attr));
	CHECK0(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	for (int i = 0; i < 300; i++) {
		CHECK0(pthread_create(&t, &attr, run, NULL));
		CHECK0(pthread_detach(thread_start(run, NULL)));
		thread_start(run, &done);
	}
	for (int i = 0; i < 900; i++)
		CHECK(sem_wait(&done) == 0);
	CHECK0(pthread_getattr_np(pthread_self(), &attr));
	CHECK0(pthread_attr_getdetachstate(&attr, &state));
	CHECK(state == PTHREAD_CREATE_JOINABLE);
	puts("ok");
	return 0;
}
