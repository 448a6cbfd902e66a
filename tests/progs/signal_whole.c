/* SPDX-License-Identifier: MIT */
/*
 * signal_whole - what blocks until all is transferred transfers all, though signals for another
 * thread come all the while
 *
 * uses: write writev sendto sendmsg recvfrom recvmsg
 */
#include "storm.h"

#include <sys/socket.h>
#include <sys/uio.h>

enum { SIZE = 1 << 20, PART = 5000, CALLS = 6 };

static char out[SIZE], in[SIZE];
static int fd[2], which;

static long transfer(void)
{
	static struct iovec v[SIZE / PART + 1];
	struct msghdr m = { .msg_iov = v, .msg_iovlen = ARRAY_SIZE(v) };
	char *buf = which < 4 ? out : in;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = (struct iovec){ buf + i * PART, i * PART + PART > SIZE ? SIZE % PART : PART };
	switch (which) {
	case 0:
		return write(fd[1], out, SIZE);
	case 1:
		return writev(fd[1], v, (int)ARRAY_SIZE(v));
	case 2:
		return send(fd[1], out, SIZE, 0);
	case 3:
		return sendmsg(fd[1], &m, 0);
	case 4:
		return recv(fd[0], in, SIZE, MSG_WAITALL);
	default:
		return recvmsg(fd[0], &m, MSG_WAITALL);
	}
}

/* The other side takes its time. */
static void *other_side(void *arg)
{
	for (long done = 0, r; done < SIZE; done += r) {
		long want = SIZE - done < 20000 ? SIZE - done : 20000;

		r = which < 4 ? read(fd[0], in + done, (size_t)want) :
				write(fd[1], out + done, (size_t)want);
		CHECK(r > 0);
		usleep(200);
	}
	return arg;
}

static void *run(void *arg)
{
	pthread_t t = thread_start(other_side, NULL);

	CHECK(transfer() == SIZE);
	thread_join(t);
	CHECK(memcmp(in, out, SIZE) == 0);
	memset(in, 0, SIZE);
	return arg;
}

int main(void)
{
	for (int i = 0; i < SIZE; i++)
		out[i] = (char)(i * 7 + i / 251);
	storm_start();
	for (which = 0; which < CALLS; which++) {
		if (which < 2)
			CHECK(pipe(fd) == 0);
		else
			CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
		storm_run(run, NULL);
	}
	storm_stop();
	puts("ok");
	return 0;
}
