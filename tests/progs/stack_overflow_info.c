/* SPDX-License-Identifier: MIT */
/*
 * stack_overflow_info - a handler is told that a thread's guard was hit: where, and that the
 * page is there but may not be accessed
 *
 * uses: sigaltstack rt_sigaction mprotect
 */
#include "prog.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

static __thread sigjmp_buf back;
static __thread int code;
static __thread char *address;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	(void)uc;
	code = info->si_code;
	address = info->si_addr;
	siglongjmp(back, sig);
}

static int touch(volatile char *p)
{
	code = 0;
	if (sigsetjmp(back, 1) == 0)
		*p = 1;
	CHECK(!code || address == p);
	return code;
}

static void *run(void *arg)
{
	pthread_attr_t attr;
	size_t size;
	void *low;

	CHECK0(pthread_getattr_np(pthread_self(), &attr));
	CHECK0(pthread_attr_getstack(&attr, &low, &size));
	CHECK0(pthread_attr_destroy(&attr));
	CHECK(touch(low) == 0);
	CHECK(touch((char *)low - 1) == SEGV_ACCERR);
	CHECK(touch((char *)low - 4096) == SEGV_ACCERR);
	CHECK(touch((char *)8) == SEGV_MAPERR);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	pthread_t t[20];

	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = thread_start(run, &t[i]);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		CHECK(thread_join(t[i]) == &t[i]);
	puts("ok");
	return 0;
}
