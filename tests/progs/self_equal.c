/* SPDX-License-Identifier: MIT */
/*
 * self_equal - pthread_self is what pthread_create gave, and differs between threads
 *
 * uses: clone3
 */
#include "prog.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t threads[20];

static void *run(void *arg)
{
	intptr_t me = (intptr_t)arg;

	pthread_mutex_lock(&lock); /* main has it until all are in the array */
	for (intptr_t i = 0; i < 20; i++)
		CHECK(!pthread_equal(threads[i], pthread_self()) == (i != me));
	pthread_mutex_unlock(&lock);
	return NULL;
}

int main(void)
{
	pthread_t self = pthread_self();

	pthread_mutex_lock(&lock);
	for (intptr_t i = 0; i < 20; i++)
		threads[i] = thread_start(run, (void *)i);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < 20; i++)
		thread_join(threads[i]);
	CHECK(pthread_equal(self, pthread_self()));
	puts("ok");
	return 0;
}
