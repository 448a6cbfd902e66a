/* SPDX-License-Identifier: MIT */
/*
 * wake_pipe - two threads that answer each other through pipes get their 1,000 turns among eight that only
 * compute, long before those could have had a slice for each
 *
 * uses: read, write, pipe
 */
#include "prog.h"

#include <stdatomic.h>

enum { ROUNDS = 1000, HOGS = 8 };

static int there[2], back[2];
static atomic_bool stop;

static void *hog(void *arg)
{
	uint64_t sum = (uintptr_t)arg;

	while (!stop)
		sum = compute(sum, 1000);
	return (void *)(uintptr_t)(sum != 0);
}

static void *answer(void *arg)
{
	char c;

	while (read(there[0], &c, 1) == 1)
		CHECK(write(back[1], &c, 1) == 1);
	return arg;
}

int main(void)
{
	pthread_t t[HOGS], other;
	char c;

	CHECK0(pipe(there));
	CHECK0(pipe(back));
	other = thread_start(answer, NULL);
	for (int i = 0; i < HOGS; i++)
		t[i] = thread_start(hog, &t[i]);
	for (int i = 0; i < ROUNDS; i++) {
		c = (char)i;
		CHECK(write(there[1], &c, 1) == 1);
		CHECK(read(back[0], &c, 1) == 1);
		CHECK(c == (char)i);
	}
	stop = true;
	for (int i = 0; i < HOGS; i++)
		thread_join(t[i]);
	CHECK0(close(there[1]));
	thread_join(other);
	printf("ok\n");
	return 0;
}
