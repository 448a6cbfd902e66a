/* SPDX-License-Identifier: MIT */
/*
 * key_many - every thread has its own value for each of 500 keys
 *
 * uses: clone3 mmap
 */
#include "prog.h"

#include <sched.h>

enum { KEYS = 500 };

static pthread_key_t keys[KEYS];

static void *run(void *arg)
{
	for (int i = 0; i < KEYS; i++) {
		CHECK(pthread_getspecific(keys[i]) == NULL);
		CHECK0(pthread_setspecific(keys[i], (char *)arg + i));
	}
	sched_yield();
	for (int i = 0; i < KEYS; i++)
		CHECK(pthread_getspecific(keys[i]) == (char *)arg + i);
	return arg;
}

int main(void)
{
	static char base[8][KEYS];
	pthread_t t[8];

	for (int i = 0; i < KEYS; i++)
		CHECK0(pthread_key_create(&keys[i], NULL));
	for (int i = 0; i < 8; i++)
		t[i] = thread_start(run, base[i]);
	for (int i = 0; i < 8; i++)
		CHECK(thread_join(t[i]) == base[i]);
	puts("ok");
	return 0;
}
