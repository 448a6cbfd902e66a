/* SPDX-License-Identifier: MIT */
/*
 * io_nonblock - non-blocking files, MSG_DONTWAIT and receive timeouts return EAGAIN as the kernel
 * has it
 *
 * uses: read write recvfrom sendto accept setsockopt
 */
#include "prog.h"

#include <fcntl.h>
#include <sys/socket.h>

static void *run(void *arg)
{
	struct timeval limit = { 0, 30000 };
	int fd[2], sk[2];
	char buf[4096];
	int64_t start;

	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	CHECK_ERRNO(read(fd[0], buf, 1), EAGAIN);
	memset(buf, 1, sizeof(buf));
	while (write(fd[1], buf, sizeof(buf)) > 0)
		;
	CHECK(errno == EAGAIN);
	CHECK(close(fd[0]) == 0 && close(fd[1]) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sk) == 0);
	CHECK_ERRNO(recv(sk[0], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK(setsockopt(sk[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	start = clock_ns(CLOCK_MONOTONIC);
	CHECK_ERRNO(recv(sk[0], buf, 1, 0), EAGAIN);
	CHECK(clock_ns(CLOCK_MONOTONIC) - start >= 25000000);
	CHECK_ERRNO(read(sk[0], buf, 1), EAGAIN);
	CHECK(setsockopt(sk[1], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0);
	while (send(sk[1], buf, sizeof(buf), 0) > 0)
		;
	CHECK(errno == EAGAIN);
	CHECK(close(sk[0]) == 0 && close(sk[1]) == 0);
	return arg;
}

int main(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		t[i] = thread_start(run, NULL);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
