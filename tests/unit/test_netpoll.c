/* SPDX-License-Identifier: MIT */
/* The netpoller: Gs that wait for descriptors, and what becomes of them. */
#include "sched/netpoll.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "harness.h"
#include "sched/proc.h"

enum { LIMIT = 60, MANY = 1000, FEW = 16 /* kernel threads */ };

TestSuite(netpoll, .timeout = LIMIT);

static int ends[2];

/* ---- one byte each ---- */

static _Atomic int served;
static _Atomic long result;

static void read_one(void *arg)
{
	char c = 0;
	long r = CALL3(SYS_read, ends[0], &c, 1);

	(void)arg;
	atomic_store(&result, r == 1 ? c : r);
	atomic_fetch_add(&served, 1);
}

static int kernel_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	CHECK(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void until_waiting(uint32_t n)
{
	while (netpoll_waiters() != n)
		g_yield();
}

/* All of a thousand readers of one pipe get their byte, and cost no kernel threads. */
static void many(uint32_t procs)
{
	static struct harness_g h[MANY];

	harness_start(procs);
	CHECK(pipe(ends) == 0);
	for (int i = 0; i < MANY; i++) {
		h[i].fn = read_one;
		harness_spawn(&h[i]);
	}
	until_waiting(MANY);
	CHECK(kernel_threads() <= FEW);
	for (int i = 0; i < MANY; i++)
		CHECK(CALL3(SYS_write, ends[1], "x", 1) == 1);
	for (int i = 0; i < MANY; i++)
		harness_join(&h[i]);
	CHECK(atomic_load(&served) == MANY && netpoll_waiters() == 0);
	CHECK(kernel_threads() <= FEW);
}

Test(netpoll, many_readers_1)
{
	many(1);
}

Test(netpoll, many_readers_4)
{
	many(4);
}

/* ---- the number is taken away from who waits ---- */

static struct harness_g reader = {.fn = read_one};

static void start_waiting(uint32_t procs)
{
	harness_start(procs);
	CHECK(pipe(ends) == 0);
	harness_spawn(&reader);
	until_waiting(1);
}

/* As in the kernel, the call goes on with its file. */
static void finish_on_old_file(void)
{
	CHECK(netpoll_waiters() == 1);
	CHECK(CALL3(SYS_write, ends[1], "o", 1) == 1);
	harness_join(&reader);
	CHECK(atomic_load(&result) == 'o');
}

Test(netpoll, close_while_waiting)
{
	start_waiting(2);
	CHECK(CALL1(SYS_close, ends[0]) == 0);
	CHECK(fcntl(ends[0], F_GETFD) == -1);
	finish_on_old_file();
	/* Nobody holds it any longer: a pipe without readers. */
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
}

Test(netpoll, dup2_while_waiting)
{
	int other[2];

	start_waiting(2);
	CHECK(pipe(other) == 0 && write(other[1], "n", 1) == 1);
	CHECK(CALL2(SYS_dup2, other[0], ends[0]) == ends[0]);
	finish_on_old_file();
	read_one(NULL);
	CHECK(atomic_load(&result) == 'n');
}

Test(netpoll, close_range_while_waiting)
{
	start_waiting(2);
	CHECK(CALL3(SYS_close_range, ends[0], ends[0], 0) == 0);
	CHECK(fcntl(ends[0], F_GETFD) == -1);
	finish_on_old_file();
}

/* A number that is used again is waited for anew. */
Test(netpoll, number_used_again)
{
	int old;

	start_waiting(2);
	old = ends[0];
	CHECK(CALL1(SYS_close, old) == 0);
	finish_on_old_file();
	close(ends[1]);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	if (ends[0] != old) {
		CHECK(ends[1] == old);
		ends[1] = ends[0];
		ends[0] = old;
	}
	harness_spawn(&reader);
	until_waiting(1);
	CHECK(CALL3(SYS_write, ends[1], "s", 1) == 1);
	harness_join(&reader);
	CHECK(atomic_load(&result) == 's');
}

/* Behind our back, too. */
Test(netpoll, number_used_again_unseen)
{
	char c, name[] = "/tmp/netpoll.XXXXXX";
	int file;

	harness_start(1);
	CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	CHECK(CALL3(SYS_read, ends[0], &c, 1) == 1 && netpoll_kind(ends[0]) == KIND_PIPE);
	file = mkstemp(name);
	unlink(name);
	CHECK(file >= 0 && write(file, "file", 4) == 4 && lseek(file, 0, SEEK_SET) == 0);
	CHECK(dup2(file, ends[0]) == ends[0]);
	CHECK(CALL3(SYS_read, ends[0], &c, 1) == 1 && c == 'f');
	CHECK(CALL3(SYS_read, ends[0], &c, 1) == 1 && c == 'i');
	CHECK(CALL3(SYS_write, ends[0], "LE", 2) == 2);
	CHECK(CALL3(SYS_read, ends[0], &c, 1) == 0);
}

/* ---- the poller's own descriptors ---- */

Test(netpoll, its_own_cannot_be_closed)
{
	start_waiting(2);
	for (int fd = 3; fd < 2048; fd++)
		if (fd != ends[1] && netpoll_owns(fd))
			CHECK(CALL1(SYS_close, fd) == -EBADF);
	CHECK(CALL3(SYS_close_range, ends[1] + 1, ~0u, 0) == 0);
	finish_on_old_file();
	harness_spawn(&reader);
	until_waiting(1);
	finish_on_old_file();
}

Test(netpoll, its_own_make_room)
{
	int file = open("/dev/null", O_WRONLY), n = 0;

	start_waiting(2);
	for (int fd = 3; fd < 2048; fd++) {
		if (!netpoll_owns(fd))
			continue;
		CHECK(CALL2(SYS_dup2, file, fd) == fd && !netpoll_owns(fd));
		n++;
		if (n == 2)
			break;
	}
	CHECK(n == 2);
	finish_on_old_file();
}

Test(netpoll, closed_unseen)
{
	start_waiting(2);
	finish_on_old_file();
	for (int fd = 3; fd < 2048; fd++)
		if (netpoll_owns(fd)) {
			close(fd); /* the epoll descriptor was made first */
			break;
		}
	harness_spawn(&reader);
	CHECK(CALL3(SYS_write, ends[1], "o", 1) == 1);
	harness_join(&reader);
	CHECK(atomic_load(&result) == 'o');
}

/* ---- several at once ---- */

static int pairs[8][2];

static void poll_all(void *arg)
{
	struct pollfd p[8];

	for (int i = 0; i < 8; i++)
		p[i] = (struct pollfd){.fd = pairs[i][0], .events = POLLIN};
	(void)arg;
	if (CALL3(SYS_poll, p, 8, -1) == 1)
		for (int i = 0; i < 8; i++)
			if (p[i].revents == POLLIN)
				atomic_store(&result, i);
}

Test(netpoll, poll_many)
{
	struct harness_g h = {.fn = poll_all};

	harness_start(2);
	for (int i = 0; i < 8; i++)
		CHECK(pipe(pairs[i]) == 0);
	for (int i = 0; i < 8; i++) {
		char c;

		atomic_store(&result, -1);
		harness_spawn(&h);
		until_waiting(8);
		CHECK(CALL3(SYS_write, pairs[i][1], "x", 1) == 1);
		harness_join(&h);
		CHECK(atomic_load(&result) == i && netpoll_waiters() == 0);
		CHECK(CALL3(SYS_read, pairs[i][0], &c, 1) == 1);
	}
}

/* ---- time limits ---- */

Test(netpoll, socket_time_limit)
{
	struct timeval tv = {.tv_usec = 20000};
	int64_t began;
	char c;

	harness_start(1);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	CHECK(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	began = raw_now();
	CHECK(CALL3(SYS_read, ends[0], &c, 1) == -EAGAIN);
	CHECK(raw_now() - began >= 20000000);
	CHECK(CALL3(SYS_write, ends[1], "x", 1) == 1);
	CHECK(CALL3(SYS_read, ends[0], &c, 1) == 1);
}
