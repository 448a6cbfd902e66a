/* SPDX-License-Identifier: MIT */
/*
 * block_send - eight threads blocked in send on full sockets leave the processor to one that
 * computes
 *
 * uses: sendto recvfrom
 */
#include "blocked.h"

#include <sys/socket.h>

enum { MUCH = 1 << 20 };

static int fds[BLOCKED][2];
static char data[MUCH];

static void *send_much(void *arg)
{
	blocked_now();
	CHECK(send(fds[(intptr_t)arg][0], data, MUCH, 0) == MUCH);
	return arg;
}

static void release(intptr_t i)
{
	static char buf[MUCH];

	CHECK(recv(fds[i][1], buf, MUCH, MSG_WAITALL) == MUCH);
	CHECK(memcmp(buf, data, MUCH) == 0);
}

int main(void)
{
	for (int i = 0; i < MUCH; i++)
		data[i] = (char)(i * 13);
	for (int i = 0; i < BLOCKED; i++)
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]) == 0);
	blocked_run(send_much, release);
	return 0;
}
