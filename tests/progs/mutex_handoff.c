/* SPDX-License-Identifier: MIT */
/*
 * mutex_handoff - a mutex that one thread takes and gives all the time is had by the others too
 *
 * uses: futex
 */
#include "prog.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int waiting = 6;

static void *hog(void *arg)
{
	bool more = true;

	while (more) {
		CHECK0(pthread_mutex_lock(&lock));
		*(uint64_t *)arg = compute(*(uint64_t *)arg, 1000);
		more = waiting > 0;
		CHECK0(pthread_mutex_unlock(&lock));
	}
	return NULL;
}

static void *once(void *arg)
{
	CHECK0(pthread_mutex_lock(&lock));
	waiting--;
	CHECK0(pthread_mutex_unlock(&lock));
	return arg;
}

int main(void)
{
	uint64_t work = 1;
	pthread_t h = thread_start(hog, &work), t[6];

	for (int i = 0; i < 6; i++)
		t[i] = thread_start(once, NULL);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	thread_join(h);
	printf("%d\n", waiting);
	return 0;
}
