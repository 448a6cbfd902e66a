/* SPDX-License-Identifier: MIT */
/*
 * once - pthread_once runs its routine once, and whoever comes while it runs waits for its end
 *
 * uses: futex
 */
#include "prog.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int runs, ready;

static void init(void)
{
	runs++;
	usleep(30000);
	ready = 1;
}

static void *run(void *arg)
{
	CHECK0(pthread_once(&once, init));
	CHECK(ready == 1);
	return arg;
}

int main(void)
{
	pthread_t t[20];

	for (int i = 0; i < 20; i++)
		t[i] = thread_start(run, NULL);
	for (int i = 0; i < 20; i++)
		thread_join(t[i]);
	printf("%d\n", runs);
	return 0;
}
