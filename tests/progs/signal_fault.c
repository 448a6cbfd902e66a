/* SPDX-License-Identifier: MIT */
/*
 * signal_fault - SIGSEGV, SIGFPE and SIGILL go to the thread that made them, and siglongjmp leads
 * out, many times
 *
 * uses: rt_sigaction rt_sigprocmask
 */
#include "prog.h"

#include <setjmp.h>
#include <signal.h>

static __thread sigjmp_buf back;
static __thread void *fault_at;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault_at = info->si_addr;
	siglongjmp(back, sig);
}

static void *run(void *arg)
{
	volatile int zero = 0;

	for (int i = 0; i < 50; i++) {
		int sig = sigsetjmp(back, 1);

		if (sig == 0) {
			if (i % 3 == 0)
				*(volatile char *)(uintptr_t)(64 + i) = 1;
			else if (i % 3 == 1)
				zero = 1000 / zero;
			else
				__builtin_trap();
		}
		CHECK(sig == (i % 3 == 0 ? SIGSEGV : i % 3 == 1 ? SIGFPE : SIGILL));
		if (i % 3 == 0)
			CHECK(fault_at == (void *)(uintptr_t)(64 + i));
		sched_yield();
	}
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	pthread_t t[6];

	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0 && sigaction(SIGFPE, &sa, NULL) == 0);
	CHECK(sigaction(SIGILL, &sa, NULL) == 0);
	for (int i = 0; i < 6; i++)
		t[i] = thread_start(run, NULL);
	run(NULL);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
