/* SPDX-License-Identifier: MIT */
/*
 * cxx_cancelled - threads that are cancelled in every call that blocks: destructors of automatic
 * objects run in order, catch (...) sees the cancellation and passes it on
 *
 * uses: tgkill, every call of BLOCKING_CALLS
 * limit: 120
 */
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string>
#include <unistd.h>

#include "blocking.h"

extern "C" {
#define NOT(call, why)
#define BLOCKS(call, cases) cases
#define C(name) extern const struct blocking blocking_##name;
BLOCKING_CALLS(BLOCKS, NOT)
BLOCKING_FUNCTIONS
#undef C
}

static const struct blocking *const cases[] = {
#define C(name) &blocking_##name,
	BLOCKING_CALLS(BLOCKS, NOT) BLOCKING_FUNCTIONS
};

static void check(bool good, const char *what)
{
	if (good)
		return;
	std::fprintf(stderr, "failed: %s (%s)\n", what, std::strerror(errno));
	_exit(1);
}

struct cancelled {
	const struct blocking *c;
	struct blocking_at at;
	sem_t entering;
	std::string order;
};

struct object {
	cancelled *x;
	char name;
	object(cancelled *x_, char name_) : x(x_), name(name_)
	{
	}
	~object()
	{
		x->order += name;
	}
};

static void innermost(cancelled *x)
{
	object second(x, '2');
	object first(x, '1');

	check(sem_post(&x->entering) == 0, "sem_post");
	x->c->call(&x->at);
	x->order += '!';
}

static void inner(cancelled *x)
{
	try {
		object third(x, '3');

		innermost(x);
	} catch (abi::__forced_unwind &) {
		object in_handler(x, '5');

		x->order += '4';
		throw;
	}
}

static void *run(void *arg)
{
	cancelled *x = static_cast<cancelled *>(arg);
	object last(x, '8');

	try {
		inner(x);
	} catch (...) {
		x->order += '6';
		object in_handler(x, '7');
		throw;
	}
	return nullptr;
}

int main()
{
	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	blocking_begin();
	for (const struct blocking *c : cases) {
		cancelled *x = new cancelled();
		void *ret;

		if (!(c->flags & POINT))
			continue;
		x->c = c;
		BLOCKING_AT(&x->at);
		check(sem_init(&x->entering, 0, 0) == 0, "sem_init");
		if (!c->prepare(&x->at)) {
			std::printf("%s: not here\n", c->name);
			blocking_done(&x->at);
			continue;
		}
		check(pthread_create(&x->at.thread, nullptr, run, x) == 0, "pthread_create");
		check(sem_wait(&x->entering) == 0, "sem_wait");
		for (int i = 0; i < 10; i++)
			sched_yield();
		check(pthread_cancel(x->at.thread) == 0, "pthread_cancel");
		check(pthread_join(x->at.thread, &ret) == 0, "pthread_join");
		check(ret == PTHREAD_CANCELED, c->name);
		std::printf("%s: %s\n", c->name, x->order.c_str());
		blocking_done(&x->at);
	}
	blocking_end();
	std::fflush(stdout);
	_exit(0);
}
