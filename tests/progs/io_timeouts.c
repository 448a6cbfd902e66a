/* SPDX-License-Identifier: MIT */
/*
 * io_timeouts - poll, select, epoll_wait and their p-forms time out after their time, and at once
 * for 0
 *
 * uses: poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2
 */
#include "prog.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static void *run(void *arg)
{
	struct timespec ts = { 0, 20000000 }, zero = { 0, 0 };
	struct timeval tv = { 0, 20000 };
	int64_t start = clock_ns(CLOCK_MONOTONIC);
	int fd[2], ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN };
	struct pollfd p;
	fd_set set;

	CHECK(ep >= 0 && pipe(fd) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &ev) == 0);
	p = (struct pollfd){ fd[0], POLLIN, 7 };
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	CHECK(poll(&p, 1, 0) == 0 && p.revents == 0);
	CHECK(ppoll(&p, 1, &zero, NULL) == 0);
	CHECK(epoll_wait(ep, &ev, 1, 0) == 0);
	CHECK(poll(&p, 1, 20) == 0 && ppoll(&p, 1, &ts, NULL) == 0 && poll(NULL, 0, 20) == 0);
	CHECK(select(fd[0] + 1, &set, NULL, NULL, &tv) == 0 && !FD_ISSET(fd[0], &set));
	FD_SET(fd[0], &set);
	CHECK(pselect(fd[0] + 1, &set, NULL, NULL, &ts, NULL) == 0 && !FD_ISSET(fd[0], &set));
	CHECK(epoll_wait(ep, &ev, 1, 20) == 0 && epoll_pwait(ep, &ev, 1, 20, NULL) == 0);
	if (epoll_pwait2(ep, &ev, 1, &ts, NULL) != 0)
		CHECK(errno == ENOSYS);
	CHECK(clock_ns(CLOCK_MONOTONIC) - start >= 7 * 20000000LL - 7000000);
	CHECK(ts.tv_nsec == 20000000);
	CHECK_ERRNO(epoll_wait(ep, &ev, 0, 0), EINVAL);
	p = (struct pollfd){ 999, POLLIN, 0 };
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLNVAL);
	return arg;
}

int main(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		t[i] = thread_start(run, NULL);
	run(NULL);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
