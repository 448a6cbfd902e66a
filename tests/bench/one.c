/* SPDX-License-Identifier: MIT */
/*
 * one.c - what a process pays for its first thread
 *
 *	one [COUNT]	create and join COUNT threads (1), one after the other
 *
 * Prints the ns of the first create and join, or 0 for none. tests/bench/startup
 * times the whole process, with a thread and without.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void *nothing(void *arg)
{
	return arg;
}

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	long long first = 0;

	for (long i = 0; i < count; i++) {
		long long start = now();
		pthread_t thread;

		if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
			return 1;
		if (i == 0)
			first = now() - start;
	}
	printf("%lld\n", first);
	return 0;
}
