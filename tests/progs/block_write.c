/* SPDX-License-Identifier: MIT */
/*
 * block_write - eight threads blocked in write on full pipes leave the processor to one that
 * computes
 *
 * uses: write read
 */
#include "blocked.h"

enum { MUCH = 1 << 18 };

static int fds[BLOCKED][2];
static char data[MUCH];

static void *write_much(void *arg)
{
	blocked_now();
	CHECK(write(fds[(intptr_t)arg][1], data, MUCH) == MUCH);
	return arg;
}

static void release(intptr_t i)
{
	static char buf[MUCH];
	size_t got = 0;

	while (got < MUCH) {
		ssize_t n = read(fds[i][0], buf + got, MUCH - got);

		CHECK(n > 0);
		got += n;
	}
	CHECK(memcmp(buf, data, MUCH) == 0);
}

int main(void)
{
	for (int i = 0; i < MUCH; i++)
		data[i] = (char)(i * 7);
	for (int i = 0; i < BLOCKED; i++)
		CHECK(pipe(fds[i]) == 0);
	blocked_run(write_much, release);
	return 0;
}
