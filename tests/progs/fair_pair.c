/* SPDX-License-Identifier: MIT */
/*
 * fair_pair - two threads that wake each other in turns leave a share to a third
 *
 * uses: sem, yield
 */
#include "prog.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

static sem_t turn[2];
static atomic_bool stop;

static void *partner(void *arg)
{
	int me = *(int *)arg;

	while (!stop) {
		CHECK0(sem_wait(&turn[me]));
		CHECK0(sem_post(&turn[!me]));
	}
	CHECK0(sem_post(&turn[!me]));
	return NULL;
}

int main(void)
{
	int id[2] = { 0, 1 };
	pthread_t t[2];

	CHECK0(sem_init(&turn[0], 0, 1));
	CHECK0(sem_init(&turn[1], 0, 0));
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(partner, &id[i]);
	for (int i = 0; i < 1000; i++)
		sched_yield();
	stop = true;
	for (int i = 0; i < 2; i++)
		thread_join(t[i]);
	printf("ok\n");
	return 0;
}
