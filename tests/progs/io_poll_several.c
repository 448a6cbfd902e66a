/* SPDX-License-Identifier: MIT */
/*
 * io_poll_several - poll, ppoll, select, pselect and epoll_wait on several descriptors: what they find, what
 * they write, and when their time is up
 *
 * uses: poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2
 */
#include "prog.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

enum { PIPES = 40 };

static int fds[PIPES][2];
static int order[2]; /* whose turn it is: a byte for each wait */

static void *writer(void *arg)
{
	char c;

	while (read(order[0], &c, 1) == 1)
		CHECK(write(fds[(int)c][1], "x", 1) == 1);
	return arg;
}

static void ask_for(int i)
{
	char c = (char)i;

	CHECK(write(order[1], &c, 1) == 1);
}

static void take(int i)
{
	char c;

	CHECK(read(fds[i][0], &c, 1) == 1);
}

static void polls(int n, int i)
{
	struct pollfd p[PIPES];
	struct timespec hour = { 3600, 0 };

	for (int k = 0; k < n; k++)
		p[k] = (struct pollfd){ fds[k][0], POLLIN, 0 };
	ask_for(i);
	CHECK(poll(p, (nfds_t)n, -1) == 1 && p[i].revents == POLLIN);
	take(i);
	ask_for(i);
	CHECK(poll(p, (nfds_t)n, 3600000) == 1 && p[i].revents == POLLIN);
	take(i);
	ask_for(i);
	CHECK(ppoll(p, (nfds_t)n, &hour, NULL) == 1 && p[i].revents == POLLIN);
	take(i);
	CHECK(poll(p, (nfds_t)n, 3) == 0 && p[i].revents == 0);
}

static void selects(int n, int i)
{
	struct timespec hour = { 3600, 0 };
	struct timeval tv = { 3600, 0 };
	fd_set in, out, all;
	int top = fds[PIPES - 1][1] + 1;

	FD_ZERO(&all);
	for (int k = 0; k < n; k++)
		FD_SET(fds[k][0], &all);
	in = all;
	FD_ZERO(&out);
	ask_for(i);
	CHECK(select(top, &in, &out, NULL, NULL) == 1 && FD_ISSET(fds[i][0], &in));
	for (int k = 0; k < n; k++)
		CHECK(!FD_ISSET(fds[k][0], &in) == (k != i));
	take(i);
	in = all;
	ask_for(i);
	CHECK(select(top, &in, NULL, NULL, &tv) == 1 && FD_ISSET(fds[i][0], &in));
	CHECK(tv.tv_sec == 3600 || tv.tv_sec == 3599 || tv.tv_sec > 3500);
	take(i);
	in = all;
	ask_for(i);
	CHECK(pselect(top, &in, NULL, NULL, &hour, NULL) == 1 && FD_ISSET(fds[i][0], &in));
	take(i);
	in = all;
	tv = (struct timeval){ 0, 3000 };
	CHECK(select(top, &in, NULL, NULL, &tv) == 0 && !FD_ISSET(fds[i][0], &in));
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
	/* A writable one is found at once. */
	in = all;
	FD_SET(fds[i][1], &out);
	CHECK(select(top, &in, &out, NULL, NULL) == 1 && FD_ISSET(fds[i][1], &out));
}

static void epolls(int n, int i)
{
	int e = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN }, got[4];

	CHECK(e >= 0);
	for (int k = 0; k < n; k++) {
		ev.data.u32 = (uint32_t)k;
		CHECK(epoll_ctl(e, EPOLL_CTL_ADD, fds[k][0], &ev) == 0);
	}
	ask_for(i);
	CHECK(epoll_wait(e, got, 4, -1) == 1 && got[0].data.u32 == (uint32_t)i);
	take(i);
	ask_for(i);
	CHECK(epoll_pwait(e, got, 4, 3600000, NULL) == 1 && got[0].data.u32 == (uint32_t)i);
	take(i);
	CHECK(epoll_wait(e, got, 4, 3) == 0 && epoll_wait(e, got, 4, 0) == 0);
	close(e);
}

int main(void)
{
	struct pollfd none = { -1, POLLIN, 0 }, bad = { 999, POLLIN, 0 };
	pthread_t t;

	CHECK(pipe(order) == 0);
	for (int i = 0; i < PIPES; i++)
		CHECK(pipe(fds[i]) == 0);
	t = thread_start(writer, NULL);
	for (int n = 1; n <= PIPES; n += 13) {
		polls(n, n / 2);
		selects(n, n / 2);
		epolls(n, n / 2);
	}
	CHECK(poll(&none, 1, 1) == 0 && poll(NULL, 0, 1) == 0);
	CHECK(poll(&bad, 1, -1) == 1 && bad.revents == POLLNVAL);
	CHECK_ERRNO(syscall(SYS_poll, 8L, 2L, -1L), EFAULT);
	CHECK_ERRNO(epoll_wait(fds[0][0], NULL, 0, -1), EINVAL);
	/* The other end's hang-up is for all who ask, and select does not count it as room. */
	CHECK(close(fds[0][1]) == 0);
	bad = (struct pollfd){ fds[0][0], 0, 0 };
	CHECK(poll(&bad, 1, -1) == 1 && bad.revents == POLLHUP);
	close(order[1]);
	thread_join(t);
	puts("several");
	return 0;
}
