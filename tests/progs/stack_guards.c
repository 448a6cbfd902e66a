/* SPDX-License-Identifier: MIT */
/*
 * stack_guards - guards of 0, 4 and 64 kB: the page below the stack faults, the lowest of the stack
 * does not
 *
 * uses: mmap mprotect rt_sigaction
 */
#include "prog.h"

#include <setjmp.h>
#include <signal.h>

static __thread sigjmp_buf back;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

static bool faults(volatile char *at)
{
	if (sigsetjmp(back, 1) == 0) {
		*at = 1;
		return false;
	}
	return true;
}

static void *probe(void *arg)
{
	pthread_attr_t attr;
	size_t size, guard;
	void *stack;

	CHECK0(pthread_getattr_np(pthread_self(), &attr));
	CHECK0(pthread_attr_getstack(&attr, &stack, &size));
	CHECK0(pthread_attr_getguardsize(&attr, &guard));
	CHECK0(pthread_attr_destroy(&attr));
	CHECK(guard == *(size_t *)arg);
	CHECK(!faults(stack));
	if (guard) {
		CHECK(faults((char *)stack - 1));
		CHECK(faults((char *)stack - guard + 1));
	}
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_fault };
	size_t guards[] = { 0, 4096, 65536, 4096, 0, 65536 };
	pthread_attr_t attr;
	pthread_t t;

	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++) {
		CHECK0(pthread_attr_init(&attr));
		CHECK0(pthread_attr_setguardsize(&attr, guards[i]));
		CHECK0(pthread_create(&t, &attr, probe, &guards[i]));
		thread_join(t);
	}
	puts("ok");
	return 0;
}
