/* SPDX-License-Identifier: MIT */
/*
 * block_recv - eight threads blocked in recv, recvfrom, recvmsg and recvmmsg leave the processor to
 * one that computes
 *
 * uses: recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg
 */
#include "blocked.h"

#include <sys/socket.h>

static int fds[BLOCKED][2];

static void *wait_packet(void *arg)
{
	char buf[16] = "";
	struct iovec iov = { buf, sizeof(buf) };
	struct mmsghdr many = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };
	int fd = fds[(intptr_t)arg][0];

	blocked_now();
	switch ((intptr_t)arg % 4) {
	case 0:
		CHECK(recv(fd, buf, sizeof(buf), 0) == 6);
		break;
	case 1:
		CHECK(recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL) == 6);
		break;
	case 2:
		CHECK(recvmsg(fd, &many.msg_hdr, 0) == 6);
		break;
	case 3:
		CHECK(recvmmsg(fd, &many, 1, 0, NULL) == 1 && many.msg_len == 6);
		break;
	}
	CHECK(strcmp(buf, "hello") == 0);
	return arg;
}

static void release(intptr_t i)
{
	struct iovec iov = { "hello", 6 };
	struct mmsghdr many = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };

	if (i % 3 == 0)
		CHECK(send(fds[i][1], "hello", 6, 0) == 6);
	else if (i % 3 == 1)
		CHECK(sendmsg(fds[i][1], &many.msg_hdr, 0) == 6);
	else
		CHECK(sendmmsg(fds[i][1], &many, 1, 0) == 1);
}

int main(void)
{
	for (int i = 0; i < BLOCKED; i++)
		CHECK(socketpair(AF_UNIX, i < 4 ? SOCK_STREAM : SOCK_DGRAM, 0, fds[i]) == 0);
	blocked_run(wait_packet, release);
	return 0;
}
