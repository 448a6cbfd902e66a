/* SPDX-License-Identifier: MIT */
/*
 * stack_overflow - a thread that overflows its stack dies of SIGSEGV, and the process with it
 *
 * uses: clone3
 * status: SIGSEGV
 */
#include "prog.h"

#pragma GCC diagnostic ignored "-Winfinite-recursion"

static int deeper(volatile char *above)
{
	volatile char frame[4000];

	frame[0] = above[0];
	return deeper(frame) + frame[0];
}

static void *overflow(void *arg)
{
	char first = 0;

	(void)arg;
	return (void *)(intptr_t)deeper(&first);
}

int main(void)
{
	puts("before");
	fflush(stdout);
	thread_join(thread_start(overflow, NULL));
	puts("not reached");
	return 0;
}
