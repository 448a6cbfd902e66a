/* SPDX-License-Identifier: MIT */
/*
 * sleepers_10000 - 10,000 threads with small stacks sleep 200 ms at the same time
 *
 * uses: clone3 clock_nanosleep exit futex
 * limit: 60
 */
#include "prog.h"

#include <limits.h>

enum { THREADS = 10000 };

static void *nap(void *arg)
{
	int64_t start = now_ms();

	usleep(200000);
	CHECK(now_ms() - start >= 200);
	return arg;
}

int main(void)
{
	static pthread_t t[THREADS];
	pthread_attr_t attr;

	CHECK0(pthread_attr_init(&attr));
	CHECK0(pthread_attr_setstacksize(&attr, 65536));
	for (intptr_t i = 0; i < THREADS; i++) {
		int ret = pthread_create(&t[i], &attr, nap, (void *)i);

		if (ret == EAGAIN)
			prog_skip("this machine does not allow 10,000 threads");
		CHECK0(ret);
	}
	for (intptr_t i = 0; i < THREADS; i++)
		CHECK(thread_join(t[i]) == (void *)i);
	puts("all woke");
	return 0;
}
