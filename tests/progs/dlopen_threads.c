/* SPDX-License-Identifier: MIT */
/*
 * dlopen_threads - libraries that make threads, or system calls of their own, opened by a program that
 * has threads already, and by its threads, and closed again
 *
 * uses: openat mmap munmap futex clone3
 */
#include "prog.h"

#include <dlfcn.h>

enum { TEAM = 6, REOPEN = 100 };

static void (*parallel)(void (*fn)(void *), void *data, unsigned threads, unsigned flags);
static void (*barrier)(void);
static int (*number)(void);
static int members[TEAM];
static int sum;

static void member(void *data)
{
	for (int i = 0; i < 50; i++) {
		__atomic_fetch_add(&members[number()], 1, __ATOMIC_RELAXED);
		barrier();
		CHECK(members[(number() + 1) % TEAM] >= i + 1);
		barrier();
	}
	__atomic_fetch_add((int *)data, number(), __ATOMIC_RELAXED);
}

static void team(void)
{
	memset(members, 0, sizeof(members));
	sum = 0;
	parallel(member, &sum, TEAM, 0);
	CHECK(sum == TEAM * (TEAM - 1) / 2);
	for (int i = 0; i < TEAM; i++)
		CHECK(members[i] == 50);
}

static void open_gomp(void)
{
	void *lib = dlopen("libgomp.so.1", RTLD_NOW);

	if (!lib)
		prog_skip("no libgomp here");
	parallel = dlsym(lib, "GOMP_parallel");
	barrier = dlsym(lib, "GOMP_barrier");
	number = dlsym(lib, "omp_get_thread_num");
	CHECK(parallel && barrier && number);
}

/* Calls of liburing that go to the kernel, whatever that says. */
static void *reopen(void *arg)
{
	for (int i = 0; i < REOPEN; i++) {
		void *lib = dlopen("liburing.so.2", RTLD_NOW);
		int (*init)(unsigned entries, void *ring, unsigned flags);
		char ring[4096] = { 0 };

		if (!lib)
			return NULL;
		init = dlsym(lib, "io_uring_queue_init");
		/* One bit that no kernel knows: refused, and nothing is left behind. */
		CHECK(init && init(4, ring, 1u << 31) < 0);
		CHECK(dlclose(lib) == 0);
	}
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	pthread_t t[3];

	thread_join(thread_start(nothing, NULL));
	open_gomp();
	team();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = thread_start(reopen, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		thread_join(t[i]);
	team();
	puts("ok");
	return 0;
}
