/* SPDX-License-Identifier: MIT */
/*
 * stack_getattr - pthread_getattr_np knows the stack that each thread, main too, really runs on
 *
 * uses: sched_getaffinity
 */
#include "prog.h"

static void *inside(void *arg)
{
	pthread_attr_t attr;
	size_t size;
	void *low;
	char local;

	CHECK0(pthread_getattr_np(pthread_self(), &attr));
	CHECK0(pthread_attr_getstack(&attr, &low, &size));
	CHECK(&local > (char *)low && &local < (char *)low + size);
	CHECK(size >= 16384);
	if (arg)
		CHECK(size == *(size_t *)arg);
	CHECK0(pthread_attr_destroy(&attr));
	return NULL;
}

int main(void)
{
	size_t sizes[] = { 65536, 1 << 20, 8 << 20 };
	pthread_attr_t attr;
	pthread_t t;

	inside(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		CHECK0(pthread_attr_init(&attr));
		CHECK0(pthread_attr_setstacksize(&attr, sizes[i]));
		CHECK0(pthread_create(&t, &attr, inside, &sizes[i]));
		thread_join(t);
	}
	inside(NULL);
	puts("ok");
	return 0;
}
