/* SPDX-License-Identifier: MIT */
/*
 * key_destructors - key destructors run at a thread's end, again for values they set, and not for
 * main
 *
 * uses: clone3 exit
 */
#include "prog.h"

static pthread_key_t once_key, again_key, null_key;
static int once_runs, again_runs, null_runs;

static void count_once(void *val)
{
	CHECK(val == &once_runs);
	CHECK(pthread_getspecific(once_key) == NULL);
	once_runs++;
}

static void set_again(void *val)
{
	again_runs++;
	CHECK0(pthread_setspecific(again_key, val));
}

static void count_null(void *val)
{
	(void)val;
	null_runs++;
}

static void *run(void *arg)
{
	CHECK(pthread_getspecific(once_key) == NULL);
	CHECK0(pthread_setspecific(once_key, &once_runs));
	CHECK0(pthread_setspecific(again_key, &again_runs));
	CHECK0(pthread_setspecific(null_key, NULL));
	return arg;
}

int main(void)
{
	CHECK0(pthread_key_create(&once_key, count_once));
	CHECK0(pthread_key_create(&again_key, set_again));
	CHECK0(pthread_key_create(&null_key, count_null));
	for (int i = 0; i < 10; i++)
		thread_join(thread_start(run, NULL));
	printf("once %d, again %d, null %d\n", once_runs, again_runs, null_runs);
	CHECK0(pthread_setspecific(once_key, &once_runs));
	CHECK0(pthread_key_delete(null_key));
	return 0;
}
