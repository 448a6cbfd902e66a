/* SPDX-License-Identifier: MIT */
/*
 * dlopen_tls - a library opened while threads run: its thread-local variables are fresh in old and
 * new threads
 *
 * uses: openat mmap mprotect
 */
#ifdef MODULE

/* The library: dlopen_tls.so, beside the program. */
__thread int module_counter = 5;
__thread char module_big[3000];

int module_next(void);

int module_next(void)
{
	module_big[module_counter % 3000]++;
	return module_counter++;
}

#else

#include "prog.h"

#include <dlfcn.h>

static pthread_barrier_t bar;
static int (*next)(void);

static void *run(void *arg)
{
	if (arg)
		pthread_barrier_wait(&bar); /* existed before the library */
	for (int i = 0; i < 100; i++) {
		CHECK(next() == 5 + i);
		sched_yield();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t[8];
	char path[512];
	void *lib;

	(void)argc;
	snprintf(path, sizeof(path), "%s.so", argv[0]);
	pthread_barrier_init(&bar, NULL, 5);
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(run, &bar);
	lib = dlopen(path, RTLD_NOW);
	if (!lib)
		prog_skip("no library beside the program");
	next = (int (*)(void))dlsym(lib, "module_next");
	CHECK(next);
	pthread_barrier_wait(&bar);
	for (int i = 4; i < 8; i++)
		t[i] = thread_start(run, NULL);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	CHECK(next() == 5 && dlclose(lib) == 0);
	puts("ok");
	return 0;
}

#endif
