/* SPDX-License-Identifier: MIT */
/*
 * create_many - 1,000 threads exist at once: each waits until the last has started
 *
 * uses: clone3 exit futex
 */
#include "prog.h"

enum { THREADS = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER;
static int here;

static void *run(void *arg)
{
	pthread_mutex_lock(&lock);
	if (++here == THREADS)
		pthread_cond_broadcast(&all_here);
	while (here < THREADS)
		pthread_cond_wait(&all_here, &lock);
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(void)
{
	static pthread_t t[THREADS];

	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(run, (void *)i);
	for (intptr_t i = 0; i < THREADS; i++)
		CHECK(thread_join(t[i]) == (void *)i);
	printf("%d\n", here);
	return 0;
}
