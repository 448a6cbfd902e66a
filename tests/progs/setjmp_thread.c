/* SPDX-License-Identifier: MIT */
/*
 * setjmp_thread - setjmp and longjmp inside threads, with yields and blocking calls between them
 *
 * uses: sched_yield clock_nanosleep
 */
#include "prog.h"

#include <setjmp.h>

static void jump_from_below(jmp_buf env, int depth, int val)
{
	volatile char frame[200];

	frame[0] = (char)depth;
	if (depth == 0) {
		sched_yield();
		longjmp(env, val);
	}
	if (frame[0] > 0)
		jump_from_below(env, depth - 1, val);
}

static void *run(void *arg)
{
	jmp_buf env;
	volatile int jumps = 0;

	for (volatile int i = 1; i <= 100; i++) {
		int got = setjmp(env);

		if (got == 0) {
			if (i % 50 == 0)
				usleep(500);
			jump_from_below(env, 20, i);
		}
		CHECK(got == i);
		jumps++;
	}
	*(int *)arg = jumps;
	return NULL;
}

int main(void)
{
	int jumps[8], sum = 0;
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		t[i] = thread_start(run, &jumps[i]);
	for (int i = 0; i < 8; i++) {
		thread_join(t[i]);
		sum += jumps[i];
	}
	printf("%d\n", sum);
	return 0;
}
