/* SPDX-License-Identifier: MIT */
/*
 * echoclient.c - many connections to an echo server, each byte that comes back checked
 *
 *	echoclient PORT PID CONNECTIONS SECONDS
 *
 * On each connection a message is on its way at all times: the next one goes out when the last byte of
 * this one is back. After a first message on each, SECONDS are measured. Prints, separated by blanks:
 *
 *	messages	that came back in that time
 *	wall		ns
 *	cpu		ns of CPU time that the process PID spent meanwhile
 *	threads		the most kernel threads that PID had, looked at before and after
 *
 * A wrong byte, an error, or a message that does not come back at all (the caller's time limit tells) is a
 * failure: one line on stderr, exit status 1. One process with one thread and epoll: what it costs is the
 * same for every server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 64, EVENTS = 256, STEP = 64 };

struct connection {
	int fd;
	uint32_t index;
	uint32_t round; /* of the message on its way */
	uint32_t got;   /* bytes of it that are back */
};

static int poller;

static noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "echoclient: %s: %s\n", what, why);
	exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		die("clock_gettime", strerror(errno));
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Byte I of a message: no two messages, and no two connections, are alike. */
static unsigned char byte_of(const struct connection *c, uint32_t i)
{
	uint32_t x = (c->index * 2654435761u) ^ (c->round * 40503u) ^ (i / 4 * 2246822519u);

	x ^= x >> 15;
	x *= 2654435761u;
	return (unsigned char)(x >> (8 * (i % 4)));
}

static void send_next(struct connection *c)
{
	unsigned char message[MESSAGE];

	for (uint32_t i = 0; i < MESSAGE; i++)
		message[i] = byte_of(c, i);
	c->got = 0;
	/* There is room: nothing else is on its way. */
	if (send(c->fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		die("send", strerror(errno));
}

/* Is the message of C back? */
static int receive(struct connection *c)
{
	unsigned char bytes[MESSAGE + 1];
	ssize_t r = recv(c->fd, bytes, sizeof bytes, 0);

	if (r < 0 && errno == EAGAIN)
		return 0;
	if (r <= 0)
		die("recv", r ? strerror(errno) : "the server closed a connection");
	if (c->got + (size_t)r > MESSAGE)
		die("recv", "more came back than was sent");
	for (ssize_t i = 0; i < r; i++)
		if (bytes[i] != byte_of(c, c->got++))
			die("recv", "wrong byte");
	return c->got == MESSAGE;
}

static void open_one(struct connection *c, uint32_t index, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int on = 1;

	c->index = index;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket", strerror(errno));
	if (connect(c->fd, (struct sockaddr *)&at, sizeof at))
		die("connect", strerror(errno));
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) ||
	    fcntl(c->fd, F_SETFL, O_NONBLOCK) || epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &ev))
		die("a new connection", strerror(errno));
}

/* Until COUNT messages are back, or the time is UNTIL; if AGAIN, each is followed by the next. */
static long run(long count, int64_t until, int again)
{
	struct epoll_event ev[EVENTS];
	long back = 0;

	while (back < count && clock_ns(CLOCK_MONOTONIC) < until) {
		int n = epoll_wait(poller, ev, EVENTS, 1000);

		if (n < 0 && errno != EINTR)
			die("epoll_wait", strerror(errno));
		for (int i = 0; i < n; i++) {
			struct connection *c = ev[i].data.ptr;

			if (!receive(c))
				continue;
			back++;
			c->round++;
			if (again)
				send_next(c);
		}
	}
	return back;
}

static long threads_of(long pid)
{
	char path[64], line[256];
	long threads = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/status", pid);
	f = fopen(path, "r");
	if (!f)
		die(path, strerror(errno));
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "Threads: %ld", &threads) == 1)
			break;
	fclose(f);
	return threads;
}

int main(int argc, char **argv)
{
	long pid, n, threads, after, back;
	int64_t wall, cpu, seconds;
	struct connection *all;
	struct rlimit files;
	clockid_t clock;
	int port;

	if (argc != 5) {
		fputs("usage: echoclient PORT PID CONNECTIONS SECONDS\n", stderr);
		return 2;
	}
	port = atoi(argv[1]);
	pid = atol(argv[2]);
	n = atol(argv[3]);
	seconds = (int64_t)(atof(argv[4]) * 1e9);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (clock_getcpuclockid((pid_t)pid, &clock))
		die("the server's clock", "not to be had");
	all = calloc((size_t)n, sizeof *all);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (!all || poller < 0)
		die("start", strerror(errno));
	/* In steps, so that the backlog of the server suffices. */
	for (long i = 0; i < n; i += STEP) {
		long step = n - i < STEP ? n - i : STEP;

		for (long k = i; k < i + step; k++) {
			open_one(&all[k], (uint32_t)k, port);
			send_next(&all[k]);
		}
		run(step, INT64_MAX, 0);
	}
	for (long i = 0; i < n; i++)
		send_next(&all[i]);
	run(n, INT64_MAX, 1);
	threads = threads_of(pid);
	cpu = clock_ns(clock);
	wall = clock_ns(CLOCK_MONOTONIC);
	back = run(INT64_MAX, wall + seconds, 1);
	wall = clock_ns(CLOCK_MONOTONIC) - wall;
	cpu = clock_ns(clock) - cpu;
	after = threads_of(pid);
	/* Every message on its way comes back. */
	if (run(n, INT64_MAX, 0) != n)
		die("the end", "messages are missing");
	printf("%ld %lld %lld %ld\n", back, (long long)wall, (long long)cpu,
	       after > threads ? after : threads);
	return 0;
}
