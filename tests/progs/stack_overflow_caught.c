/* SPDX-License-Identifier: MIT */
/*
 * stack_overflow_caught - a handler on an alternate stack survives a thread's stack overflow and
 * jumps out of it
 *
 * uses: sigaltstack rt_sigaction
 */
#include "prog.h"

#include <setjmp.h>
#include <signal.h>

static __thread sigjmp_buf back;
static __thread int depth;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

static int deeper(volatile char *above)
{
	volatile char frame[4000];

	frame[0] = above[0];
	if (++depth == 1000000)
		return 0;
	return deeper(frame) + frame[0];
}

static void *overflow(void *arg)
{
	char *alt = malloc(65536), first = 0;
	stack_t ss = { .ss_sp = alt, .ss_size = 65536 }, off = { .ss_flags = SS_DISABLE };
	int sig;

	CHECK(sigaltstack(&ss, NULL) == 0);
	sig = sigsetjmp(back, 1);
	if (sig == 0) {
		deeper(&first);
		CHECK(!"the stack has no end");
	}
	CHECK(sig == SIGSEGV && depth > 100);
	CHECK(sigaltstack(&off, NULL) == 0);
	free(alt);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK };
	pthread_t t[4];

	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			t[i] = thread_start(overflow, t);
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			CHECK(thread_join(t[i]) == t);
	}
	puts("ok");
	return 0;
}
