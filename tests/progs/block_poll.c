/* SPDX-License-Identifier: MIT */
/*
 * block_poll - eight threads blocked in poll and ppoll leave the processor to one that computes
 *
 * uses: poll ppoll
 */
#include "blocked.h"

#include <poll.h>

static int fds[BLOCKED][2];

static void *wait_ready(void *arg)
{
	struct pollfd p[2] = { { fds[(intptr_t)arg][0], POLLIN, 0 }, { -1, POLLIN, 0 } };

	blocked_now();
	if ((intptr_t)arg % 2)
		CHECK(poll(p, 2, -1) == 1);
	else
		CHECK(ppoll(p, 2, NULL, NULL) == 1);
	CHECK(p[0].revents == POLLIN && p[1].revents == 0);
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
	blocked_run(wait_ready, release);
	return 0;
}
