/* SPDX-License-Identifier: MIT */
/*
 * epoll_pool - a pool of threads waits on one epoll set: each event is had once, with ONESHOT and edges re-armed
 *
 * uses: epoll_wait epoll_ctl read write
 */
#include "prog.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/epoll.h>

enum { POOL = 6, PIPES = 20, MESSAGES = 50 };

static int ep, fds[PIPES][2], quit[2];
static atomic_int received[PIPES], inside[PIPES];

static void *serve(void *arg)
{
	for (;;) {
		struct epoll_event ev;
		char buf[16];
		ssize_t n;
		int i;

		CHECK(epoll_wait(ep, &ev, 1, -1) == 1);
		i = (int)ev.data.u32;
		if (i == PIPES)
			return arg;
		CHECK(++inside[i] == 1);
		while ((n = read(fds[i][0], buf, sizeof(buf))) > 0)
			received[i] += (int)n;
		CHECK(errno == EAGAIN);
		sched_yield();
		inside[i]--;
		ev.events = EPOLLIN | EPOLLET | EPOLLONESHOT;
		CHECK(epoll_ctl(ep, EPOLL_CTL_MOD, fds[i][0], &ev) == 0);
	}
}

int main(void)
{
	struct epoll_event ev;
	pthread_t t[POOL];
	int total = 0;

	ep = epoll_create1(0);
	CHECK(ep >= 0);
	for (uint32_t i = 0; i < PIPES; i++) {
		CHECK(pipe2(fds[i], O_NONBLOCK) == 0);
		ev = (struct epoll_event){ EPOLLIN | EPOLLET | EPOLLONESHOT, { .u32 = i } };
		CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i][0], &ev) == 0);
	}
	for (int i = 0; i < POOL; i++)
		t[i] = thread_start(serve, NULL);
	for (int m = 0; m < MESSAGES; m++)
		for (int i = 0; i < PIPES; i++)
			CHECK(write(fds[i][1], "x", 1) == 1);
	for (int i = 0; i < PIPES; i++) {
		while (received[i] < MESSAGES)
			sched_yield();
		total += received[i];
	}
	CHECK(pipe(quit) == 0 && write(quit[1], "x", 1) == 1);
	ev = (struct epoll_event){ EPOLLIN, { .u32 = PIPES } };
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, quit[0], &ev) == 0);
	for (int i = 0; i < POOL; i++)
		thread_join(t[i]);
	printf("%d\n", total);
	return 0;
}
