/* SPDX-License-Identifier: MIT */
/*
 * block_select - eight threads blocked in select and pselect leave the processor to one that
 * computes
 *
 * uses: select pselect6
 */
#include "blocked.h"

#include <sys/select.h>

static int fds[BLOCKED][2];

static void *wait_ready(void *arg)
{
	int fd = fds[(intptr_t)arg][0];
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	blocked_now();
	if ((intptr_t)arg % 2)
		CHECK(select(fd + 1, &set, NULL, NULL, NULL) == 1);
	else
		CHECK(pselect(fd + 1, &set, NULL, NULL, NULL, NULL) == 1);
	CHECK(FD_ISSET(fd, &set));
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
