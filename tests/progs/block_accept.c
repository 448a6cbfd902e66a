/* SPDX-License-Identifier: MIT */
/*
 * block_accept - eight threads blocked in accept on one socket leave the processor to one that
 * computes and connects
 *
 * uses: accept accept4 connect
 */
#include "blocked.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in addr;
static int listener;

static void *wait_client(void *arg)
{
	int fd;

	blocked_now();
	if ((intptr_t)arg % 2)
		fd = accept(listener, NULL, NULL);
	else
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(write(fd, "hello", 5) == 5 && close(fd) == 0);
	return arg;
}

static void release(intptr_t i)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char buf[8];

	(void)i;
	CHECK(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	CHECK(recv(fd, buf, sizeof(buf), MSG_WAITALL) == 5 && memcmp(buf, "hello", 5) == 0);
	CHECK(close(fd) == 0);
}

int main(void)
{
	socklen_t len = sizeof(addr);

	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	CHECK(listen(listener, 16) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
	blocked_run(wait_client, release);
	return 0;
}
