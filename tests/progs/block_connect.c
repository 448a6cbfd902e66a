/* SPDX-License-Identifier: MIT */
/*
 * block_connect - threads blocked in connect, the backlog being full, leave the processor to one
 * that computes and accepts
 *
 * uses: connect accept
 */
#include "blocked.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static socklen_t addr_len;
static int listener;

static void *wait_accept(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char c;

	CHECK(fd >= 0);
	blocked_now();
	CHECK(connect(fd, (struct sockaddr *)&addr, addr_len) == 0);
	CHECK(read(fd, &c, 1) == 1 && close(fd) == 0);
	return arg;
}

static void release(intptr_t i)
{
	int fd = accept(listener, NULL, NULL);

	(void)i;
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

int main(void)
{
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	addr_len = sizeof(addr);
	/* An abstract name of the kernel's choice. */
	CHECK(listener >= 0 &&
	      bind(listener, (struct sockaddr *)&addr, sizeof(addr.sun_family)) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&addr, &addr_len) == 0);
	CHECK(listen(listener, 0) == 0);
	blocked_run(wait_accept, release);
	return 0;
}
