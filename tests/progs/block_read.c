/* SPDX-License-Identifier: MIT */
/*
 * block_read - eight threads blocked in read on pipes leave the processor to one that computes
 *
 * uses: read write pipe2
 */
#include "blocked.h"

static int fds[BLOCKED][2];

static void *wait_byte(void *arg)
{
	char c = 0;

	blocked_now();
	CHECK(read(fds[(intptr_t)arg][0], &c, 1) == 1 && c == 'x');
	return arg;
}

static void release(intptr_t i)
{
	CHECK(write(fds[i][1], "x", 1) == 1);
}

int main(void)
{
	for (int i = 0; i < BLOCKED; i++)
		CHECK(pipe(fds[i]) == 0);
	blocked_run(wait_byte, release);
	return 0;
}
