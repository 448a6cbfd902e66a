/* SPDX-License-Identifier: MIT */
/*
 * sleep_read - a thread sleeps, then main goes into the read that only the sleeper can end
 *
 * uses: clone3 sched_yield clock_nanosleep read write
 */
#include "prog.h"

enum { ROUNDS = 20 };

static int fd[2];

static void *sleeper(void *arg)
{
	sleep_ms(2);
	CHECK(write(fd[1], "x", 1) == 1);
	return arg;
}

int main(void)
{
	char c;

	CHECK(pipe(fd) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t t = thread_start(sleeper, NULL);

		/* So that with one processor the sleeper is asleep before main reads. */
		sched_yield();
		CHECK(read(fd[0], &c, 1) == 1 && c == 'x');
		thread_join(t);
	}
	printf("%d reads ended\n", ROUNDS);
	return 0;
}
