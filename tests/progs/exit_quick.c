/* SPDX-License-Identifier: MIT */
/*
 * exit_quick - quick_exit from a thread runs at_quick_exit functions and no destructors of the
 * thread
 *
 * uses: exit_group
 * status: 8
 */
#include "prog.h"

static void quickly(void)
{
	puts("at_quick_exit ran");
	fflush(stdout);
}

static void never(void *val)
{
	(void)val;
	puts("destructor must not run");
	fflush(stdout);
}

static void *run(void *arg)
{
	pthread_key_t key;

	CHECK0(pthread_key_create(&key, never));
	CHECK0(pthread_setspecific(key, &key));
	quick_exit(8);
	return arg;
}

int main(void)
{
	at_quick_exit(quickly);
	thread_join(thread_start(run, NULL));
	return 0;
}
