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
#include <sys/ioctl.h>
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

/* ---- what is believed, and is not asked at each wait ---- */

/* The reader waits for ends[0], by edge, and is served; then all has come to rest. */
static void wait_once(void)
{
	finish_on_old_file();
	CHECK(netpoll_waiters() == 0);
}

static void until_seen_other(uint32_t seen)
{
	struct gqueue ready = {0};

	while (netpoll_seen(ends[0]) == seen) {
		netpoll_poll(0, &ready);
		CHECK(!ready.n);
		g_yield();
	}
}

/* What came between a try and the wait has been reported before there was a waiter: it is to try again. */
Test(netpoll, edge_before_the_wait)
{
	uint32_t seen;
	int fd;
	char c;

	start_waiting(1);
	wait_once();
	fd = ends[0];
	seen = netpoll_seen(fd);
	CHECK(write(ends[1], "e", 1) == 1);
	until_seen_other(seen);
	/* So that nothing else could end the wait. */
	CHECK(read(fd, &c, 1) == 1);
	sched_enter(self_g);
	CHECK(netpoll_wait(self_g, &fd, POLLIN, raw_now() + 3000000000ll, &seen) == 0);
	sched_leave(self_g);
}

/* The number is of another file, of which the kernel has not been told. */
Test(netpoll, edge_of_a_file_unseen)
{
	int other[2];

	start_waiting(2);
	wait_once();
	CHECK(pipe(other) == 0 && dup2(other[0], ends[0]) == ends[0]);
	harness_spawn(&reader);
	until_waiting(1);
	CHECK(write(other[1], "u", 1) == 1);
	harness_join(&reader);
	CHECK(atomic_load(&result) == 'u');
}

/* Two who wait for the same are both told, though it comes at once. */
Test(netpoll, edge_of_two)
{
	static struct harness_g second = {.fn = read_one};

	start_waiting(1);
	wait_once();
	harness_spawn(&reader);
	harness_spawn(&second);
	until_waiting(2);
	CHECK(write(ends[1], "xx", 2) == 2);
	harness_join(&reader);
	harness_join(&second);
	CHECK(atomic_load(&served) == 3 && netpoll_waiters() == 0);
}

/* The registration ends with the number, though another has the file; and when nobody reads any more. */
Test(netpoll, edge_unwanted)
{
	char bytes[16];
	uint32_t seen;
	int old, kept;

	start_waiting(1);
	wait_once();
	old = ends[0];
	kept = dup(old);
	seen = netpoll_seen(old);
	CHECK(CALL1(SYS_close, old) == 0);
	for (int i = 0; i < 3; i++) {
		struct gqueue ready = {0};

		CHECK(write(ends[1], "x", 1) == 1);
		CHECK(netpoll_poll(0, &ready) == -1 && netpoll_seen(old) == seen);
	}
	CHECK(CALL2(SYS_dup2, kept, old) == old);
	CHECK(CALL3(SYS_read, old, bytes, sizeof bytes) == 3);
	harness_spawn(&reader);
	until_waiting(1);
	wait_once();
}

/* O_NONBLOCK, set for the file by another number, holds from then on; unseen, after a while. */
Test(netpoll, no_longer_blocking)
{
	int other, on = 1, off = 0;
	char c;

	start_waiting(2);
	wait_once();
	other = dup(ends[0]);
	CHECK(CALL3(SYS_fcntl, other, F_SETFL, O_NONBLOCK) == 0);
	CHECK(!netpoll_blocking(ends[0]));
	CHECK(CALL3(SYS_read, ends[0], &c, 1) == -EAGAIN);
	CHECK(CALL3(SYS_fcntl, other, F_SETFL, 0) == 0);
	harness_spawn(&reader);
	until_waiting(1);
	wait_once();
	CHECK(CALL3(SYS_ioctl, other, FIONBIO, &on) == 0);
	CHECK(!netpoll_blocking(ends[0]));
	CHECK(CALL3(SYS_read, ends[0], &c, 1) == -EAGAIN);
	CHECK(CALL3(SYS_ioctl, other, FIONBIO, &off) == 0);
	harness_spawn(&reader);
	until_waiting(1);
	wait_once();
	CHECK(fcntl(other, F_SETFL, O_NONBLOCK) == 0);
	read_one(NULL);
	CHECK(atomic_load(&result) == -EAGAIN);
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
