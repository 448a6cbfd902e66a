/* SPDX-License-Identifier: MIT */
/*
 * block_epoll - eight threads blocked in epoll_wait, each on a set of its own, leave the processor
 * to one that computes
 *
 * uses: epoll_create1 epoll_ctl epoll_wait epoll_pwait
 */
#include "blocked.h"

#include <sys/epoll.h>

static int fds[BLOCKED][2];

static void *wait_event(void *arg)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = (uintptr_t)arg + 100 }, got[4];
	int ep = epoll_create1(EPOLL_CLOEXEC);

	CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fds[(intptr_t)arg][0], &ev) == 0);
	blocked_now();
	if ((intptr_t)arg % 2)
		CHECK(epoll_wait(ep, got, 4, -1) == 1);
	else
		CHECK(epoll_pwait(ep, got, 4, -1, NULL) == 1);
	CHECK(got[0].events == EPOLLIN && got[0].data.u64 == ev.data.u64);
	CHECK(epoll_wait(ep, got, 4, 0) == 1);
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
	blocked_run(wait_event, release);
	return 0;
}
