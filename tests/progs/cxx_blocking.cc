// SPDX-License-Identifier: MIT
//
// cxx_blocking - exceptions cross functions named as blocking: thrown in what they call back, caught by
// who called them; destructors run, also when the thread ends in there
//
// gothreads: blocking=lib_call=i(pp),blocking=lib_call_twice=i(pp)
#include "blocking_lib.h"

#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <sched.h>
#include <stdexcept>
#include <thread>
#include <vector>

static thread_local int destroyed;

struct object {
	~object()
	{
		destroyed++;
	}
};

static void check(bool ok, const char *what)
{
	if (!ok) {
		std::fprintf(stderr, "failed: %s\n", what);
		std::_Exit(1);
	}
}

static int throws(void *arg)
{
	object o;

	sched_yield();
	throw std::runtime_error(static_cast<const char *>(arg));
}

static int catches(void *arg)
{
	try {
		lib_call(throws, arg);
	} catch (const std::exception &e) {
		sched_yield();
		return e.what()[0];
	}
	return 0;
}

static int ends(void *arg)
{
	object o;

	pthread_exit(arg);
}

static void run()
{
	static char text[] = "x";

	for (int i = 0; i < 100; i++) {
		int caught = 0;

		destroyed = 0;
		try {
			object o;

			lib_call_twice(throws, text);
		} catch (const std::runtime_error &) {
			caught++;
		}
		check(caught == 1 && destroyed == 2, "caught outside");
		check(lib_call_twice(catches, text) == 2 * 'x', "caught inside");
		check(destroyed == 4, "destroyed inside");
	}
}

static void *end_run(void *arg)
{
	object o;

	lib_call(ends, arg);
	return nullptr;
}

int main()
{
	std::vector<std::thread> threads;
	pthread_t t;
	void *r;
	int i = 0;

	for (int k = 0; k < 4; k++)
		threads.emplace_back(run);
	for (auto &thread : threads)
		thread.join();
	check(pthread_create(&t, nullptr, end_run, &i) == 0, "create");
	check(pthread_join(t, &r) == 0 && r == &i, "join");
	std::puts("ok");
}
