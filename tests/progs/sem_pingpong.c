/* SPDX-License-Identifier: MIT */
/*
 * sem_pingpong - two threads pass a token over two semaphores 20,000 times
 *
 * uses: futex
 */
#include "prog.h"

#include <semaphore.h>

static sem_t ping, pong;
static int token;

static void *partner(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		CHECK(sem_wait(&ping) == 0);
		CHECK(token == 2 * i + 1);
		token++;
		CHECK(sem_post(&pong) == 0);
	}
	return arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&ping, 0, 0);
	sem_init(&pong, 0, 0);
	t = thread_start(partner, NULL);
	for (int i = 0; i < 10000; i++) {
		token++;
		CHECK(sem_post(&ping) == 0);
		CHECK(sem_wait(&pong) == 0);
		CHECK(token == 2 * i + 2);
	}
	thread_join(t);
	printf("%d\n", token);
	return 0;
}
