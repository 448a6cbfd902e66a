/* SPDX-License-Identifier: MIT */
/*
 * io_close_all - a program that closes every descriptor it does not know goes on waiting for those it
 * opens then
 *
 * uses: close close_range read write poll
 */
#include "prog.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/syscall.h>

static int fds[2];

static void *reader(void *arg)
{
	char c;

	CHECK(read(fds[0], &c, 1) == 1 && c == 'x');
	return arg;
}

static void *poller(void *arg)
{
	struct pollfd p[2] = { { fds[0], POLLIN, 0 }, { fds[1], 0, 0 } };

	CHECK(poll(p, 2, -1) == 1 && p[0].revents == POLLIN);
	return arg;
}

static void wait_for_pipe(void)
{
	pthread_t t[2];
	char c;

	CHECK(pipe(fds) == 0 && fds[0] == 3 && fds[1] == 4);
	t[0] = thread_start(reader, NULL);
	sched_yield();
	CHECK(write(fds[1], "x", 1) == 1);
	thread_join(t[0]);
	t[1] = thread_start(poller, NULL);
	sched_yield();
	CHECK(write(fds[1], "x", 1) == 1);
	thread_join(t[1]);
	CHECK(read(fds[0], &c, 1) == 1);
}

int main(void)
{
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	wait_for_pipe();
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	wait_for_pipe();
	CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
	wait_for_pipe();
	CHECK(close_range(3, ~0u, 0) == 0);
	wait_for_pipe();
	closefrom(3);
	wait_for_pipe();
	/* Onto any number at all. */
	for (int fd = 5; fd < 1024; fd++)
		CHECK(dup2(1, fd) == fd);
	CHECK(close(3) == 0 && close(4) == 0);
	wait_for_pipe();
	puts("waits");
	return 0;
}
