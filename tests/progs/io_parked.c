/* SPDX-License-Identifier: MIT */
/*
 * io_parked - threads that wait in calls of many sorts get what they wait for, and with goroutines hold no
 * kernel thread each
 *
 * uses: read poll ppoll select pselect6 splice tee vmsplice sendfile recvfrom recvmmsg mq_timedsend
 * limit: 120
 */
#include "prog.h"

#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>

enum { N = 40, MANY = 40, FEW = 24, FILE_SIZE = 1 << 20 };

static int in[N], out[N], aside[N], file;
static char names[N][64];
static char full[FILE_SIZE];
static sem_t entering;
static int set[MANY];

static void make_pipe(int i)
{
	int p[2];

	CHECK(pipe(p) == 0);
	in[i] = p[0];
	out[i] = p[1];
}

static void make_pair(int i)
{
	int p[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	in[i] = p[0];
	out[i] = p[1];
}

static void say(int i)
{
	CHECK(write(out[i], "hello\n", 6) == 6);
}

/* ---- a terminal ---- */

static void tty_make(int i)
{
	out[i] = posix_openpt(O_RDWR | O_NOCTTY);
	if (out[i] < 0)
		prog_skip("no terminals here");
	CHECK(grantpt(out[i]) == 0 && unlockpt(out[i]) == 0);
	CHECK0(ptsname_r(out[i], names[i], sizeof names[i]));
	in[i] = open(names[i], O_RDWR | O_NOCTTY);
	CHECK(in[i] >= 0);
}

static void read_line(int i)
{
	char buf[16];

	CHECK(read(in[i], buf, sizeof buf) == 6 && memcmp(buf, "hello\n", 6) == 0);
}

static void raw_make(int i)
{
	struct termios t;

	tty_make(i);
	CHECK(tcgetattr(in[i], &t) == 0);
	cfmakeraw(&t);
	t.c_cc[VMIN] = 6;
	CHECK(tcsetattr(in[i], TCSANOW, &t) == 0);
}

static void say_twice(int i)
{
	CHECK(write(out[i], "hel", 3) == 3 && write(out[i], "lo\n", 3) == 3);
}

/* ---- inotify, a queue ---- */

static void inotify_make(int i)
{
	snprintf(names[i], sizeof names[i], "/tmp/parked.XXXXXX");
	close(mkstemp(names[i]));
	in[i] = inotify_init1(IN_CLOEXEC);
	CHECK(in[i] >= 0 && inotify_add_watch(in[i], names[i], IN_DELETE_SELF) > 0);
}

static void inotify_wait(int i)
{
	char buf[512];
	struct inotify_event e;

	CHECK(read(in[i], buf, sizeof buf) >= (ssize_t)sizeof e);
	memcpy(&e, buf, sizeof e);
	CHECK(e.mask & IN_DELETE_SELF);
}

static void inotify_tell(int i)
{
	CHECK(unlink(names[i]) == 0);
}

static void mq_make(int i)
{
	struct mq_attr a = { .mq_maxmsg = 1, .mq_msgsize = 8 };

	snprintf(names[i], sizeof names[i], "/parked.%d.%d", (int)getpid(), i);
	in[i] = mq_open(names[i], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &a);
	if (in[i] < 0)
		prog_skip("no message queues here");
	CHECK(mq_unlink(names[i]) == 0);
}

static void mq_tell(int i)
{
	CHECK(mq_send(in[i], "hi", 2, 0) == 0);
}

static void mq_full_make(int i)
{
	mq_make(i);
	mq_tell(i);
}

static void mq_take(int i)
{
	char buf[8];

	CHECK(mq_receive(in[i], buf, sizeof buf, NULL) == 2);
}

/* ---- many descriptors ---- */

static void set_make(int i)
{
	make_pipe(i);
	if (i)
		return;
	for (int k = 0; k < MANY; k++) {
		int p[2];

		CHECK(pipe(p) == 0);
		set[k] = p[0];
	}
}

static void poll_wait(int i)
{
	struct pollfd p[MANY + 1];

	for (int k = 0; k < MANY; k++)
		p[k] = (struct pollfd){ .fd = set[k], .events = POLLIN };
	p[MANY] = (struct pollfd){ .fd = in[i], .events = POLLIN };
	CHECK((i % 2 ? poll(p, MANY + 1, -1) : ppoll(p, MANY + 1, NULL, NULL)) == 1);
	CHECK(p[MANY].revents == POLLIN && p[0].revents == 0);
	read_line(i);
}

static void select_wait(int i)
{
	int top = in[i];
	fd_set r;

	FD_ZERO(&r);
	FD_SET(in[i], &r);
	for (int k = 0; k < MANY; k++) {
		FD_SET(set[k], &r);
		if (set[k] > top)
			top = set[k];
	}
	CHECK((i % 2 ? select(top + 1, &r, NULL, NULL, NULL)
		     : pselect(top + 1, &r, NULL, NULL, NULL, NULL)) == 1);
	CHECK(FD_ISSET(in[i], &r));
	read_line(i);
}

/* ---- from descriptor to descriptor ---- */

static void splice_make(int i)
{
	int p[2];

	make_pipe(i);
	CHECK(pipe(p) == 0);
	aside[i] = p[1];
	set[i % MANY] = p[0];
}

static void splice_wait(int i)
{
	CHECK(splice(in[i], NULL, aside[i], NULL, 100, 0) == 6);
}

static void tee_wait(int i)
{
	CHECK(tee(in[i], aside[i], 100, 0) == 6);
}

static void vmsplice_make(int i)
{
	make_pipe(i);
	CHECK(fcntl(out[i], F_SETPIPE_SZ, 4096) == 4096);
	CHECK(write(out[i], full, 4096) == 4096);
}

static void vmsplice_wait(int i)
{
	struct iovec v = { "hello", 5 };

	CHECK(vmsplice(out[i], &v, 1, 0) == 5);
}

static void take_page(int i)
{
	CHECK(read(in[i], full, 4096) == 4096);
}

static void send_make(int i)
{
	ssize_t r;

	make_pair(i);
	while ((r = send(out[i], full, 4096, MSG_DONTWAIT)) > 0)
		;
	CHECK(r == -1 && errno == EAGAIN);
}

static void send_wait(int i)
{
	off_t at = 0;

	CHECK(sendfile(out[i], file, &at, FILE_SIZE) == FILE_SIZE && at == FILE_SIZE);
	close(out[i]);
}

static void take_all(int i)
{
	static char buf[1 << 16];
	long sum = 0;
	ssize_t r;

	while ((r = read(in[i], buf, sizeof buf)) > 0)
		sum += r;
	CHECK(r == 0 && sum >= FILE_SIZE);
}

/* ---- all, or none ---- */

static void low_make(int i)
{
	int low = 6;

	make_pair(i);
	close(in[i]);
	close(out[i]);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(l, (void *)&a, len) == 0 && listen(l, 1) == 0 && getsockname(l, (void *)&a, &len) == 0);
	out[i] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(out[i], (void *)&a, len) == 0);
	in[i] = accept(l, NULL, NULL);
	CHECK(in[i] >= 0);
	close(l);
	CHECK(setsockopt(in[i], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low) == 0);
}

static void all_wait(int i)
{
	char buf[6];
	struct iovec v[2] = { { buf, 2 }, { buf + 2, 4 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };

	if (i % 2)
		CHECK(recv(in[i], buf, 6, MSG_WAITALL) == 6);
	else
		CHECK(recvmsg(in[i], &m, MSG_WAITALL) == 6);
	CHECK(memcmp(buf, "hello\n", 6) == 0);
}

static void datagrams_make(int i)
{
	int p[2];

	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0);
	in[i] = p[0];
	out[i] = p[1];
}

static void datagrams_wait(int i)
{
	char buf[2][8];
	struct iovec v[2] = { { buf[0], 8 }, { buf[1], 8 } };
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = &v[0], .msg_iovlen = 1 } },
				{ .msg_hdr = { .msg_iov = &v[1], .msg_iovlen = 1 } } };

	CHECK(recvmmsg(in[i], m, 2, 0, NULL) == 2 && m[0].msg_len == 3 && m[1].msg_len == 3);
	CHECK(memcmp(buf[0], "hel", 3) == 0 && memcmp(buf[1], "lo\n", 3) == 0);
}

static void event_make(int i)
{
	in[i] = out[i] = eventfd(0, EFD_CLOEXEC);
	CHECK(in[i] >= 0);
}

static void event_wait(int i)
{
	uint64_t v;

	CHECK(read(in[i], &v, 8) == 8 && v == 7);
}

static void event_tell(int i)
{
	uint64_t v = 7;

	CHECK(write(out[i], &v, 8) == 8);
}

static const struct sort {
	const char *name;
	void (*make)(int i), (*wait)(int i), (*tell)(int i);
} sorts[] = {
	{ "a line of a terminal", tty_make, read_line, say_twice },
	{ "six bytes of a raw terminal", raw_make, read_line, say_twice },
	{ "inotify", inotify_make, inotify_wait, inotify_tell },
	{ "mq_send", mq_full_make, mq_tell, mq_take },
	{ "poll of many", set_make, poll_wait, say },
	{ "select of many", set_make, select_wait, say },
	{ "splice", splice_make, splice_wait, say },
	{ "tee", splice_make, tee_wait, say },
	{ "vmsplice", vmsplice_make, vmsplice_wait, take_page },
	{ "sendfile", send_make, send_wait, take_all },
	{ "SO_RCVLOWAT", low_make, read_line, say_twice },
	{ "MSG_WAITALL", make_pair, all_wait, say_twice },
	{ "recvmmsg", datagrams_make, datagrams_wait, say_twice },
	{ "eventfd", event_make, event_wait, event_tell },
};

static const struct sort *sort;

static void *waiter(void *arg)
{
	sem_post(&entering);
	sort->wait((int)(intptr_t)arg);
	return arg;
}

int main(void)
{
	char name[] = "/tmp/parked.XXXXXX";

	file = mkstemp(name);
	CHECK(file >= 0 && unlink(name) == 0 && write(file, full, FILE_SIZE) == FILE_SIZE);
	CHECK(sem_init(&entering, 0, 0) == 0);
	for (size_t s = 0; s < ARRAY_SIZE(sorts); s++) {
		pthread_t t[N];
		uint64_t sum = 0;

		sort = &sorts[s];
		for (int i = 0; i < N; i++)
			sort->make(i);
		for (intptr_t i = 0; i < N; i++)
			t[i] = thread_start(waiter, (void *)i);
		for (int i = 0; i < N; i++)
			sem_wait(&entering);
		for (int i = 0; i < 10; i++) {
			sum = compute(sum, 100000);
			sched_yield();
		}
		for (int i = 0; i < N; i++)
			sort->tell(i);
		for (intptr_t i = 0; i < N; i++)
			CHECK(thread_join(t[i]) == (void *)i);
		CHECK(few_kernel_threads(FEW));
		printf("%s\n", sort->name);
	}
	return 0;
}
