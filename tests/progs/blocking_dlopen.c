/* SPDX-License-Identifier: MIT */
/*
 * blocking_dlopen - a library that is opened while threads run: its functions named as blocking are so by
 * dlsym(), again when it was closed and opened anew, and when it calls them itself
 *
 * gothreads: blocking=blocking_lib.so:lib_spin=i(p),blocking=blocking_lib.so:lib_call=i(pp)
 * godebug: asyncpreemptoff=1
 */
#include "prog.h"

#include <dlfcn.h>

static int (*spin)(const volatile int *flag);
static int (*call_twice)(int (*f)(void *arg), void *arg);
static volatile int flag, in;

static void *spinner(void *arg)
{
	(void)arg;
	in = 1;
	CHECK(spin(&flag) == 1);
	return NULL;
}

static int waits(void *arg)
{
	in = 1;
	while (!*(volatile int *)arg)
		;
	return 1;
}

static void *caller(void *arg)
{
	(void)arg;
	CHECK(call_twice(waits, (void *)&flag) == 2);
	return NULL;
}

static void let_go(pthread_t t)
{
	while (!in)
		sched_yield();
	flag = 1;
	thread_join(t);
	in = flag = 0;
}

int main(int argc, char **argv)
{
	char path[512];

	(void)argc;
	thread_join(thread_start((void *(*)(void *))(void *)strdup, "x"));
	snprintf(path, sizeof(path), "%.*s/blocking_lib.so", (int)(strrchr(argv[0], '/') - argv[0]),
		 argv[0]);
	for (int i = 0; i < 3; i++) {
		void *lib = dlopen(path, i % 2 ? RTLD_NOW : RTLD_LAZY);

		if (!lib)
			prog_skip("no library beside the program");
		spin = (int (*)(const volatile int *))dlsym(lib, "lib_spin");
		call_twice = (int (*)(int (*)(void *), void *))dlsym(lib, "lib_call_twice");
		CHECK(spin && call_twice);
		let_go(thread_start(spinner, NULL));
		let_go(thread_start(caller, NULL));
		CHECK0(dlclose(lib));
	}
	puts("ok");
	return 0;
}
