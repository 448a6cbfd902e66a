/* SPDX-License-Identifier: MIT */
/*
 * io_told_not_to - calls on blocking descriptors that are told not to wait do not, those that are wrong
 * fail at once, and a writer waits until all is written
 *
 * uses: preadv2 pwritev2 recvfrom recvmsg sendto read write writev sendmsg
 */
#include "prog.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

enum { BIG = 1 << 20 };

static char big[BIG], got[BIG];
static int to;

/* Each way to send. */
static void *writer(void *arg)
{
	struct iovec v[3] = { { big, BIG / 2 }, { big + BIG / 2, 100 }, { big + BIG / 2 + 100, BIG / 2 - 100 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 3 };

	switch ((intptr_t)arg) {
	case 0:
		CHECK(write(to, big, BIG) == BIG);
		break;
	case 1:
		CHECK(writev(to, v, 3) == BIG);
		break;
	case 2:
		CHECK(send(to, big, BIG, 0) == BIG);
		break;
	case 3:
		CHECK(sendmsg(to, &m, 0) == BIG);
		break;
	}
	return arg;
}

static void receive_all(int from, int out, intptr_t way)
{
	pthread_t t;

	to = out;
	t = thread_start(writer, (void *)way);
	for (ssize_t done = 0, r; done < BIG; done += r)
		CHECK((r = read(from, got + done, (size_t)(BIG - done))) > 0);
	thread_join(t);
	CHECK(memcmp(big, got, BIG) == 0);
	memset(got, 0, BIG);
}

static void told(int r, int w, bool socket)
{
	char c[8];
	struct iovec v = { c, sizeof c };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	CHECK_ERRNO(preadv2(r, &v, 1, -1, RWF_NOWAIT), EAGAIN);
	CHECK(pwritev2(w, &v, 1, -1, RWF_NOWAIT) == 8);
	CHECK(preadv2(r, &v, 1, -1, RWF_NOWAIT) == 8);
	CHECK(read(r, c, 0) == 0 && write(w, c, 0) == 0);
	if (!socket)
		return;
	CHECK_ERRNO(recv(r, c, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERRNO(recvmsg(r, &m, MSG_DONTWAIT), EAGAIN);
	CHECK(send(w, c, 2, MSG_DONTWAIT) == 2 && send(w, c, 2, 0) == 2);
	CHECK(recv(r, c, 1, MSG_PEEK) == 1 && recv(r, c, 4, MSG_WAITALL) == 4);
}

/* What is wrong with a call shows, though it would have to wait. */
static void wrong(int r)
{
	int e = eventfd(0, 0), u = socket(AF_UNIX, SOCK_DGRAM, 0), t = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t count = 1;

	CHECK(e >= 0 && u >= 0 && t >= 0);
	CHECK_ERRNO(read(e, &count, 4), EINVAL);
	CHECK_ERRNO(write(t, &count, 8), EINVAL);
	CHECK_ERRNO(write(r, &count, 8), EBADF);
	CHECK_ERRNO(accept(u, NULL, NULL), EOPNOTSUPP);
	CHECK(close(e) == 0 && close(u) == 0 && close(t) == 0);
}

int main(void)
{
	int p[2], s[2];

	for (int i = 0; i < BIG; i++)
		big[i] = (char)(i * 7 + i / 251);
	CHECK(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	thread_join(thread_start(writer, (void *)9));
	told(p[0], p[1], false);
	told(s[0], s[1], true);
	wrong(p[0]);
	for (intptr_t way = 0; way < 4; way++) {
		if (way < 2)
			receive_all(p[0], p[1], way);
		receive_all(s[0], s[1], way);
	}
	puts("told");
	return 0;
}
