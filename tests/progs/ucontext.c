/* SPDX-License-Identifier: MIT */
/*
 * ucontext - coroutines of makecontext and swapcontext run inside threads, and block and yield on
 * their own stacks
 *
 * uses: rt_sigprocmask sched_yield read
 */
#include "prog.h"

#include <ucontext.h>

struct coroutine {
	ucontext_t self, caller;
	int fd[2], sum;
	char stack[65536];
};

static void body(unsigned int hi, unsigned int lo)
{
	struct coroutine *co = (struct coroutine *)((uintptr_t)hi << 32 | lo);

	for (int i = 0; i < 20; i++) {
		char c;

		CHECK(read(co->fd[0], &c, 1) == 1);
		co->sum += c;
		sched_yield();
		CHECK(swapcontext(&co->self, &co->caller) == 0);
	}
}

static void *run(void *arg)
{
	struct coroutine *co = calloc(1, sizeof(*co));
	int sum;

	CHECK(co && pipe(co->fd) == 0 && getcontext(&co->self) == 0);
	co->self.uc_stack.ss_sp = co->stack;
	co->self.uc_stack.ss_size = sizeof(co->stack);
	co->self.uc_link = &co->caller;
	makecontext(&co->self, (void (*)(void))body, 2, (unsigned int)((uintptr_t)co >> 32),
		    (unsigned int)(uintptr_t)co);
	for (int i = 0; i < 20; i++) {
		char c = (char)i;

		CHECK(write(co->fd[1], &c, 1) == 1);
		CHECK(swapcontext(&co->caller, &co->self) == 0);
	}
	CHECK(swapcontext(&co->caller, &co->self) == 0); /* the body returns, to uc_link */
	sum = co->sum;
	free(co);
	return (char *)arg + sum;
}

int main(void)
{
	pthread_t t[8];
	static char base[200];

	for (int i = 0; i < 8; i++)
		t[i] = thread_start(run, base);
	for (int i = 0; i < 8; i++)
		CHECK(thread_join(t[i]) == base + 190);
	puts("ok");
	return 0;
}
