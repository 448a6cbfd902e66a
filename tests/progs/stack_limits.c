/* SPDX-License-Identifier: MIT */
/*
 * stack_limits - a process of limited address space can have the threads whose stacks fit, and what
 * is left for itself
 *
 * uses: prlimit64 mmap munmap clone3
 */
#include "prog.h"

#include <sys/mman.h>
#include <sys/resource.h>

enum { STACK = 64 << 20, THREADS = 8 };

static pthread_barrier_t all_here;

static void *run(void *arg)
{
	pthread_barrier_wait(&all_here);
	pthread_barrier_wait(&all_here);
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

static void fits(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK(munmap(p, size) == 0);
}

int main(void)
{
	struct rlimit l;
	pthread_t t[THREADS];
	pthread_attr_t attr;
	size_t pages;
	FILE *f;

	f = fopen("/proc/self/statm", "r");
	CHECK(f && fscanf(f, "%zu", &pages) == 1);
	fclose(f);
	CHECK0(pthread_attr_init(&attr));
	CHECK0(pthread_attr_setstacksize(&attr, STACK));
	CHECK0(pthread_barrier_init(&all_here, NULL, THREADS + 1));
	/* Without a limit first. */
	for (int i = 0; i < 3; i++) {
		CHECK0(pthread_create(t, &attr, nothing, NULL));
		thread_join(t[0]);
	}
	l.rlim_cur = l.rlim_max = pages * 4096 + (THREADS + 4ull) * STACK;
	CHECK(setrlimit(RLIMIT_AS, &l) == 0);
	for (int round = 0; round < 3; round++) {
		fits((THREADS + 2ull) * STACK);
		for (int i = 0; i < THREADS; i++)
			CHECK0(pthread_create(&t[i], &attr, run, NULL));
		pthread_barrier_wait(&all_here);
		fits(2ull * STACK);
		pthread_barrier_wait(&all_here);
		for (int i = 0; i < THREADS; i++)
			thread_join(t[i]);
	}
	puts("ok");
	return 0;
}
