/* SPDX-License-Identifier: MIT */
/*
 * exit_group_spinning - a return from main ends threads that spin
 *
 * uses: exit_group
 * status: 6
 */
#include "prog.h"

#include <semaphore.h>

static sem_t started;

static void *spin(void *arg)
{
	volatile uint64_t *x = arg;

	sem_post(&started);
	for (;;)
		++*x;
	return NULL;
}

int main(void)
{
	static uint64_t x[2];

	sem_init(&started, 0, 0);
	thread_start(spin, &x[0]);
	thread_start(spin, &x[1]);
	sem_wait(&started);
	return 6;
}
