/* SPDX-License-Identifier: MIT */
/* blocking_io - calls that block on a descriptor: see blocking.h */
#include "prog.h"

#include "blocking.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

static struct iovec three = { "abc", 3 };

/* ---- what is waited for ------------------------------------------------------------------------ */

static bool nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0;
}

/* Writes to FD until it takes no more. */
static bool fill(int fd)
{
	static const char much[4096] = "";

	CHECK(nonblock(fd, true));
	for (size_t n = sizeof(much); n;) {
		ssize_t r = write(fd, much, n);

		if (r < 0 && errno == EAGAIN)
			n /= 2;
		else
			CHECK(r > 0);
	}
	return nonblock(fd, false);
}

static void drain(int fd)
{
	char buf[4096];

	CHECK(nonblock(fd, true));
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	CHECK(nonblock(fd, false));
}

bool blocking_pipe_empty(struct blocking_at *a)
{
	return pipe(a->fd) == 0;
}

/* One page, and it is full: a write waits for the whole of it to be read. */
bool blocking_pipe_full(struct blocking_at *a)
{
	char page[4096] = "";

	return pipe(a->fd) == 0 && fcntl(a->fd[1], F_SETPIPE_SZ, sizeof(page)) == sizeof(page) &&
	       write(a->fd[1], page, sizeof(page)) == sizeof(page);
}

void blocking_put(struct blocking_at *a)
{
	CHECK(write(a->fd[1], "abc", 3) == 3);
}

void blocking_take(struct blocking_at *a)
{
	drain(a->fd[0]);
}

/* A FIFO whose ends are both open. */
static bool fifo(struct blocking_at *a)
{
	if (!blocking_path(a) || mkfifo(a->path, 0600) != 0)
		return false;
	a->fd[0] = open(a->path, O_RDWR);
	a->fd[1] = open(a->path, O_WRONLY);
	return a->fd[0] >= 0 && a->fd[1] >= 0;
}

static bool fifo_full(struct blocking_at *a)
{
	return fifo(a) && fill(a->fd[1]);
}

/* One that nobody has open. */
static bool fifo_closed(struct blocking_at *a)
{
	return blocking_path(a) && mkfifo(a->path, 0600) == 0;
}

static void fifo_open(struct blocking_at *a)
{
	if (a->fd[0] < 0)
		a->fd[0] = open(a->path, O_RDWR);
	CHECK(a->fd[0] >= 0);
}

static bool stream(struct blocking_at *a)
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, a->fd) == 0;
}

static bool stream_full(struct blocking_at *a)
{
	return stream(a) && fill(a->fd[1]);
}

static bool datagram(struct blocking_at *a)
{
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, a->fd) == 0;
}

static bool datagram_full(struct blocking_at *a)
{
	if (!datagram(a) || !nonblock(a->fd[1], true))
		return false;
	while (send(a->fd[1], "x", 1, 0) == 1)
		;
	CHECK(errno == EAGAIN);
	return nonblock(a->fd[1], false);
}

static struct sockaddr_un unix_name(struct blocking_at *a)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memcpy(addr.sun_path, a->path, sizeof(a->path));
	return addr;
}

static bool unix_listener(struct blocking_at *a)
{
	struct sockaddr_un addr;

	if (!blocking_path(a))
		return false;
	addr = unix_name(a);
	a->fd[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	return a->fd[0] >= 0 && bind(a->fd[0], (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	       listen(a->fd[0], 0) == 0;
}

static void unix_connect(struct blocking_at *a)
{
	struct sockaddr_un addr = unix_name(a);

	a->fd[1] = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(a->fd[1] >= 0 && connect(a->fd[1], (struct sockaddr *)&addr, sizeof(addr)) == 0);
}

/* A backlog of one, and one is in it; fd[2] is for another. */
static bool backlog_full(struct blocking_at *a)
{
	if (!unix_listener(a))
		return false;
	unix_connect(a);
	a->fd[2] = socket(AF_UNIX, SOCK_STREAM, 0);
	return a->fd[2] >= 0;
}

static void backlog_accept(struct blocking_at *a)
{
	int fd = accept(a->fd[0], NULL, NULL);

	CHECK(fd >= 0 && close(fd) == 0);
}

static bool tcp_listener(struct blocking_at *a)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	a->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	return a->fd[0] >= 0 && bind(a->fd[0], (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	       listen(a->fd[0], 8) == 0;
}

static void tcp_connect(struct blocking_at *a)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	CHECK(getsockname(a->fd[0], (struct sockaddr *)&addr, &len) == 0);
	a->fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(a->fd[1] >= 0 && connect(a->fd[1], (struct sockaddr *)&addr, len) == 0);
}

static bool tcp(struct blocking_at *a)
{
	int listener;

	if (!tcp_listener(a))
		return false;
	tcp_connect(a);
	listener = a->fd[0];
	a->fd[0] = accept(listener, NULL, NULL);
	CHECK(close(listener) == 0);
	return a->fd[0] >= 0;
}

static bool tcp_full(struct blocking_at *a)
{
	int small = 4096;

	return tcp(a) && setsockopt(a->fd[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) == 0 &&
	       fill(a->fd[1]);
}

/* Data that is not yet there, and a close that waits until it is. */
static bool tcp_lingers(struct blocking_at *a)
{
	struct linger linger = { 1, 3600 };

	a->fd[3] = open("/dev/null", O_RDWR);
	return a->fd[3] >= 0 && tcp_full(a) &&
	       setsockopt(a->fd[1], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0;
}

/* ---- read -------------------------------------------------------------------------------------- */

static long read_some(struct blocking_at *a)
{
	return read(a->fd[0], a->buf, sizeof(a->buf) - 1);
}

CASE(read_pipe, blocking_pipe_empty, blocking_put, POINT)
{
	return read_some(a);
}

CASE(read_fifo, fifo, blocking_put, POINT)
{
	return read_some(a);
}

CASE(read_unix, stream, blocking_put, POINT)
{
	return read_some(a);
}

CASE(read_tcp, tcp, blocking_put, POINT)
{
	return read_some(a);
}

static bool event_zero(struct blocking_at *a)
{
	a->fd[0] = eventfd(0, 0);
	return a->fd[0] >= 0;
}

static void event_five(struct blocking_at *a)
{
	CHECK(eventfd_write(a->fd[0], 5) == 0);
}

static long number_read(struct blocking_at *a, uint64_t n, long r)
{
	snprintf(a->buf, sizeof(a->buf), "%llu", (unsigned long long)n);
	return r;
}

CASE(read_eventfd, event_zero, event_five, POINT)
{
	uint64_t n = 0;
	long r = read(a->fd[0], &n, sizeof(n));

	return number_read(a, n, r);
}

CASE(readv_eventfd, event_zero, event_five, POINT)
{
	uint64_t n = 0;
	struct iovec v = { &n, sizeof(n) };
	long r = readv(a->fd[0], &v, 1);

	return number_read(a, n, r);
}

static bool timer(struct blocking_at *a)
{
	a->fd[0] = timerfd_create(CLOCK_MONOTONIC, 0);
	return a->fd[0] >= 0;
}

static void timer_expire(struct blocking_at *a)
{
	struct itimerspec at = { .it_value = { 0, 1 } };

	CHECK(timerfd_settime(a->fd[0], 0, &at, NULL) == 0);
}

CASE(read_timerfd, timer, timer_expire, POINT)
{
	uint64_t n = 0;
	long r = read(a->fd[0], &n, sizeof(n));

	return number_read(a, n, r);
}

static bool signals(struct blocking_at *a)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1); /* which blocking_begin() has blocked */
	a->fd[0] = signalfd(-1, &set, 0);
	return a->fd[0] >= 0;
}

static void signal_send(struct blocking_at *a)
{
	(void)a;
	CHECK(kill(getpid(), SIGRTMIN + 1) == 0);
}

CASE(read_signalfd, signals, signal_send, POINT)
{
	struct signalfd_siginfo info = { 0 };
	long r = read(a->fd[0], &info, sizeof(info));

	return number_read(a, info.ssi_signo == (uint32_t)SIGRTMIN + 1, r);
}

static bool watch(struct blocking_at *a)
{
	a->fd[0] = inotify_init();
	return a->fd[0] >= 0 && blocking_path(a) && mkdir(a->path, 0700) == 0 &&
	       inotify_add_watch(a->fd[0], a->path, IN_DELETE_SELF) >= 0;
}

static void watched_goes(struct blocking_at *a)
{
	CHECK(rmdir(a->path) == 0);
}

CASE(read_inotify, watch, watched_goes, POINT)
{
	struct inotify_event e = { 0 };
	long r = read(a->fd[0], &e, sizeof(e));

	return number_read(a, e.mask == IN_DELETE_SELF, r);
}

/* A terminal: fd[0] is its slave, fd[1] its master. */
static bool terminal(struct blocking_at *a)
{
	char name[64];

	a->fd[1] = posix_openpt(O_RDWR | O_NOCTTY);
	if (a->fd[1] < 0)
		return false;
	CHECK(grantpt(a->fd[1]) == 0 && unlockpt(a->fd[1]) == 0);
	CHECK0(ptsname_r(a->fd[1], name, sizeof(name)));
	a->fd[0] = open(name, O_RDWR | O_NOCTTY);
	return a->fd[0] >= 0;
}

static void terminal_type(struct blocking_at *a)
{
	CHECK(write(a->fd[1], "abc\n", 4) == 4);
}

CASE(read_terminal, terminal, terminal_type, POINT)
{
	return read_some(a);
}

static void terminal_show(struct blocking_at *a)
{
	CHECK(write(a->fd[0], "abc", 3) == 3);
}

CASE(read_master, terminal, terminal_show, POINT)
{
	return read(a->fd[1], a->buf, sizeof(a->buf) - 1);
}

/* A region of memory whose changes are told to who reads; who makes them waits for the reader. */
static bool faults(struct blocking_at *a)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_EVENT_REMOVE };
	struct uffdio_register reg = { .range.len = 4096, .mode = UFFDIO_REGISTER_MODE_MISSING };

	a->mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a->fd[0] = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	reg.range.start = (uintptr_t)a->mem;
	return a->fd[0] >= 0 && ioctl(a->fd[0], UFFDIO_API, &api) == 0 &&
	       ioctl(a->fd[0], UFFDIO_REGISTER, &reg) == 0;
}

static void faults_remove(struct blocking_at *a)
{
	CHECK(madvise(a->mem, 4096, MADV_DONTNEED) == 0);
}

CASE(read_userfaultfd, faults, faults_remove, POINT | ONCE)
{
	struct uffd_msg msg = { 0 };
	long r = read(a->fd[0], &msg, sizeof(msg));

	return number_read(a, msg.event == UFFD_EVENT_REMOVE, r);
}

static long readv_some(struct blocking_at *a)
{
	struct iovec v[2] = { { a->buf, 2 }, { a->buf + 2, sizeof(a->buf) - 3 } };

	return readv(a->fd[0], v, 2);
}

CASE(readv_pipe, blocking_pipe_empty, blocking_put, POINT)
{
	return readv_some(a);
}

CASE(readv_unix, stream, blocking_put, POINT)
{
	return readv_some(a);
}

static long preadv2_some(struct blocking_at *a)
{
	struct iovec v[2] = { { a->buf, 2 }, { a->buf + 2, sizeof(a->buf) - 3 } };

	return preadv2(a->fd[0], v, 2, -1, 0);
}

CASE(preadv2_pipe, blocking_pipe_empty, blocking_put, POINT)
{
	return preadv2_some(a);
}

CASE(preadv2_unix, stream, blocking_put, POINT)
{
	return preadv2_some(a);
}

/* ---- write ------------------------------------------------------------------------------------- */

CASE(write_pipe, blocking_pipe_full, blocking_take, POINT)
{
	return write(a->fd[1], "abc", 3);
}

static const char much[100000];

CASE(write_long, blocking_pipe_full, blocking_take, POINT | UNTIL)
{
	return write(a->fd[1], much, sizeof(much));
}

CASE(write_fifo, fifo_full, blocking_take, POINT)
{
	return write(a->fd[1], "abc", 3);
}

CASE(write_unix, stream_full, blocking_take, POINT)
{
	return write(a->fd[1], "abc", 3);
}

CASE(write_tcp, tcp_full, blocking_take, POINT | UNTIL)
{
	return write(a->fd[1], much, sizeof(much));
}

static bool event_full(struct blocking_at *a)
{
	return event_zero(a) && eventfd_write(a->fd[0], UINT64_MAX - 1) == 0;
}

static void event_read(struct blocking_at *a)
{
	eventfd_t n;

	CHECK(eventfd_read(a->fd[0], &n) == 0);
}

CASE(write_eventfd, event_full, event_read, POINT)
{
	uint64_t n = 1;

	return write(a->fd[0], &n, sizeof(n));
}

static bool terminal_full(struct blocking_at *a)
{
	return terminal(a) && fill(a->fd[0]);
}

static void terminal_drain(struct blocking_at *a)
{
	drain(a->fd[1]);
}

CASE(write_terminal, terminal_full, terminal_drain, POINT | UNTIL)
{
	return write(a->fd[0], much, 10000);
}

CASE(writev_pipe, blocking_pipe_full, blocking_take, POINT)
{
	return writev(a->fd[1], &three, 1);
}

CASE(writev_unix, stream_full, blocking_take, POINT)
{
	return writev(a->fd[1], &three, 1);
}

CASE(pwritev2_pipe, blocking_pipe_full, blocking_take, POINT)
{
	return pwritev2(a->fd[1], &three, 1, -1, 0);
}

CASE(pwritev2_unix, stream_full, blocking_take, POINT)
{
	return pwritev2(a->fd[1], &three, 1, -1, 0);
}

/* ---- open and close ---------------------------------------------------------------------------- */

/* Descriptors' numbers are not what is compared. */
static long opened(struct blocking_at *a, long fd)
{
	if (fd < 0)
		return fd;
	a->fd[3] = (int)fd;
	return 0;
}

CASE(open_raw, fifo_closed, fifo_open, 0)
{
	return opened(a, syscall(SYS_open, a->path, O_RDONLY));
}

CASE(open_reads, fifo_closed, fifo_open, POINT)
{
	return opened(a, open(a->path, O_RDONLY));
}

CASE(open_writes, fifo_closed, fifo_open, POINT)
{
	return opened(a, open(a->path, O_WRONLY));
}

CASE(openat_reads, fifo_closed, fifo_open, POINT)
{
	return opened(a, openat(AT_FDCWD, a->path, O_RDONLY | O_CLOEXEC));
}

CASE(openat2_reads, fifo_closed, fifo_open, 0)
{
	struct open_how how = { .flags = O_RDONLY };

	return opened(a, syscall(SYS_openat2, AT_FDCWD, a->path, &how, sizeof(how)));
}

CASE(creat_fifo, fifo_closed, fifo_open, POINT)
{
	return opened(a, creat(a->path, 0600));
}

static int lingering(struct blocking_at *a)
{
	int fd = a->fd[1];

	a->fd[1] = -1;
	return fd;
}

CASE(close_lingers, tcp_lingers, blocking_take, POINT | UNTIL)
{
	return close(lingering(a));
}

CASE(dup2_lingers, tcp_lingers, blocking_take, UNTIL)
{
	int fd = lingering(a);

	return opened(a, dup2(a->fd[3], fd));
}

CASE(dup3_lingers, tcp_lingers, blocking_take, UNTIL)
{
	int fd = lingering(a);

	return opened(a, dup3(a->fd[3], fd, O_CLOEXEC));
}

CASE(close_range_lingers, tcp_lingers, blocking_take, UNTIL)
{
	unsigned fd = (unsigned)lingering(a);

	return close_range(fd, fd, 0);
}

/* A file that this process has leased itself: it is told by SIGIO, which is ignored. */
static bool leased(struct blocking_at *a)
{
	if (!blocking_path(a))
		return false;
	a->fd[0] = open(a->path, O_RDWR | O_CREAT | O_EXCL, 0600);
	return a->fd[0] >= 0 && fcntl(a->fd[0], F_SETLEASE, F_WRLCK) == 0;
}

static void lease_end(struct blocking_at *a)
{
	CHECK(fcntl(a->fd[0], F_SETLEASE, F_UNLCK) == 0);
}

CASE(truncate_leased, leased, lease_end, 0)
{
	struct stat st;
	long r = truncate(a->path, 7);
	int err = errno;

	CHECK(fstat(a->fd[0], &st) == 0);
	errno = err;
	return number_read(a, (uint64_t)st.st_size, r);
}

/* ---- several descriptors ----------------------------------------------------------------------- */

CASE(poll_pipe, blocking_pipe_empty, blocking_put, POINT)
{
	struct pollfd p = { a->fd[0], POLLIN, 0 };
	long r = poll(&p, 1, -1);

	return number_read(a, (uint64_t)p.revents, r);
}

CASE(poll_many, blocking_pipe_empty, blocking_put, POINT)
{
	struct pollfd p[100];
	uint64_t n = 0;
	long r;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = (struct pollfd){ a->fd[0], POLLIN, 0 };
	r = poll(p, ARRAY_SIZE(p), -1);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		n += p[i].revents == POLLIN;
	/* As many as were looked at after it was written to. */
	return number_read(a, n > 0 && n == (uint64_t)r, r > 0 ? 1 : r);
}

/* A child that ends when it is poked; fd[2] is its pidfd. */
static bool child_pidfd(struct blocking_at *a)
{
	if (pipe(a->fd) != 0)
		return false;
	a->pid = fork();
	CHECK(a->pid >= 0);
	if (a->pid == 0) {
		char c;

		close(a->fd[1]);
		_exit(read(a->fd[0], &c, 1) == 1 ? 7 : 1);
	}
	a->fd[2] = (int)syscall(SYS_pidfd_open, a->pid, 0);
	return a->fd[2] >= 0;
}

CASE(poll_pidfd, child_pidfd, blocking_put, POINT)
{
	struct pollfd p = { a->fd[2], POLLIN, 0 };
	long r = poll(&p, 1, -1);

	return number_read(a, (uint64_t)p.revents, r);
}

CASE(waitid_pidfd, child_pidfd, blocking_put, POINT)
{
	siginfo_t info;
	long r = waitid(P_PIDFD, (id_t)a->fd[2], &info, WEXITED | WNOWAIT);

	return number_read(a, (uint64_t)info.si_status, r);
}

CASE(ppoll_pipe, blocking_pipe_empty, blocking_put, POINT)
{
	struct pollfd p = { a->fd[0], POLLIN, 0 };
	struct timespec day = { 86400, 0 };
	sigset_t set;
	long r;

	sigfillset(&set);
	r = ppoll(&p, 1, &day, &set);
	return number_read(a, (uint64_t)p.revents, r);
}

static void set_of(fd_set *set, int fd)
{
	FD_ZERO(set);
	FD_SET(fd, set);
}

CASE(select_raw, blocking_pipe_empty, blocking_put, 0)
{
	fd_set set;
	long r;

	set_of(&set, a->fd[0]);
	r = syscall(SYS_select, a->fd[0] + 1, &set, NULL, NULL, NULL);
	return number_read(a, FD_ISSET(a->fd[0], &set), r);
}

CASE(select_pipe, blocking_pipe_empty, blocking_put, POINT)
{
	struct timeval day = { 86400, 0 };
	fd_set set;
	long r;

	set_of(&set, a->fd[0]);
	r = select(a->fd[0] + 1, &set, NULL, NULL, &day);
	return number_read(a, FD_ISSET(a->fd[0], &set), r);
}

CASE(pselect_pipe, blocking_pipe_full, blocking_take, POINT)
{
	sigset_t mask;
	fd_set set;
	long r;

	set_of(&set, a->fd[1]);
	sigfillset(&mask);
	r = pselect(a->fd[1] + 1, NULL, &set, NULL, NULL, &mask);
	return number_read(a, FD_ISSET(a->fd[1], &set), r);
}

static bool epoll(struct blocking_at *a)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = 42 };

	if (pipe(a->fd) != 0)
		return false;
	a->fd[2] = epoll_create1(0);
	return a->fd[2] >= 0 && epoll_ctl(a->fd[2], EPOLL_CTL_ADD, a->fd[0], &e) == 0;
}

CASE(epoll_wait_pipe, epoll, blocking_put, POINT)
{
	struct epoll_event e[2] = { 0 };
	long r = epoll_wait(a->fd[2], e, 2, -1);

	return number_read(a, e[0].data.u32, r);
}

CASE(epoll_pwait_pipe, epoll, blocking_put, POINT)
{
	struct epoll_event e[2] = { 0 };
	sigset_t set;
	long r;

	sigfillset(&set);
	r = epoll_pwait(a->fd[2], e, 2, 86400000, &set);
	return number_read(a, e[0].data.u32, r);
}

CASE(epoll_pwait2_pipe, epoll, blocking_put, POINT)
{
	struct timespec day = { 86400, 0 };
	struct epoll_event e[2] = { 0 };
	long r = epoll_pwait2(a->fd[2], e, 2, &day, NULL);

	return number_read(a, e[0].data.u32, r);
}

/* ---- sockets ----------------------------------------------------------------------------------- */

CASE(accept_unix, unix_listener, unix_connect, POINT)
{
	return opened(a, accept(a->fd[0], NULL, NULL));
}

CASE(accept_tcp, tcp_listener, tcp_connect, POINT)
{
	struct sockaddr_in addr = { 0 };
	socklen_t len = sizeof(addr);
	long fd = accept(a->fd[0], (struct sockaddr *)&addr, &len);

	return number_read(a, ntohl(addr.sin_addr.s_addr), opened(a, fd));
}

CASE(accept4_unix, unix_listener, unix_connect, POINT)
{
	return opened(a, accept4(a->fd[0], NULL, NULL, SOCK_CLOEXEC));
}

CASE(connect_unix, backlog_full, backlog_accept, POINT)
{
	struct sockaddr_un addr = unix_name(a);

	return connect(a->fd[2], (struct sockaddr *)&addr, sizeof(addr));
}

CASE(recv_unix, stream, blocking_put, POINT)
{
	return recv(a->fd[0], a->buf, sizeof(a->buf), 0);
}

CASE(recv_tcp, tcp, blocking_put, POINT)
{
	return recv(a->fd[0], a->buf, sizeof(a->buf), 0);
}

CASE(recv_waitall, stream, blocking_put, POINT | UNTIL)
{
	return recv(a->fd[0], a->buf, 6, MSG_WAITALL);
}

CASE(recv_peek, stream, blocking_put, POINT)
{
	return recv(a->fd[0], a->buf, sizeof(a->buf), MSG_PEEK);
}

CASE(recvfrom_datagram, datagram, blocking_put, POINT)
{
	struct sockaddr_un from;
	socklen_t len = sizeof(from);

	return recvfrom(a->fd[0], a->buf, sizeof(a->buf), 0, (struct sockaddr *)&from, &len);
}

static long recvmsg_some(struct blocking_at *a)
{
	struct iovec v = { a->buf, sizeof(a->buf) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	return recvmsg(a->fd[0], &m, 0);
}

CASE(recvmsg_unix, stream, blocking_put, POINT)
{
	return recvmsg_some(a);
}

CASE(recvmsg_datagram, datagram, blocking_put, POINT)
{
	return recvmsg_some(a);
}

CASE(recvmmsg_datagram, datagram, blocking_put, POINT | UNTIL)
{
	struct iovec v[2] = { { a->buf, 3 }, { a->buf + 3, 3 } };
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = &v[0], .msg_iovlen = 1 } },
				{ .msg_hdr = { .msg_iov = &v[1], .msg_iovlen = 1 } } };

	return recvmmsg(a->fd[0], m, 2, 0, NULL);
}

CASE(send_unix, stream_full, blocking_take, POINT)
{
	return send(a->fd[1], "abc", 3, MSG_NOSIGNAL);
}

CASE(send_tcp, tcp_full, blocking_take, POINT | UNTIL)
{
	return send(a->fd[1], much, sizeof(much), 0);
}

CASE(sendto_datagram, datagram_full, blocking_take, POINT)
{
	return sendto(a->fd[1], "abc", 3, 0, NULL, 0);
}

CASE(sendmsg_unix, stream_full, blocking_take, POINT)
{
	struct msghdr m = { .msg_iov = &three, .msg_iovlen = 1 };

	return sendmsg(a->fd[1], &m, 0);
}

CASE(sendmmsg_datagram, datagram_full, blocking_take, POINT | UNTIL)
{
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = &three, .msg_iovlen = 1 } },
				{ .msg_hdr = { .msg_iov = &three, .msg_iovlen = 1 } } };

	return sendmmsg(a->fd[1], m, 2, 0);
}

/* ---- from descriptor to descriptor ------------------------------------------------------------- */

/* Beside what PREPARE makes, a pipe with something in it, or an empty one. */
static bool beside(struct blocking_at *a, bool something)
{
	return pipe(a->fd + 2) == 0 && (!something || write(a->fd[3], "abc", 3) == 3);
}

static bool empty_and_empty(struct blocking_at *a)
{
	return blocking_pipe_empty(a) && beside(a, false);
}

static bool full_and_some(struct blocking_at *a)
{
	return blocking_pipe_full(a) && beside(a, true);
}

static bool socket_and_empty(struct blocking_at *a)
{
	return stream(a) && beside(a, false);
}

CASE(splice_from_empty, empty_and_empty, blocking_put, POINT)
{
	return splice(a->fd[0], NULL, a->fd[3], NULL, 100, 0);
}

CASE(splice_to_full, full_and_some, blocking_take, POINT)
{
	return splice(a->fd[2], NULL, a->fd[1], NULL, 100, 0);
}

CASE(splice_from_socket, socket_and_empty, blocking_put, POINT)
{
	return splice(a->fd[0], NULL, a->fd[3], NULL, 100, 0);
}

CASE(tee_from_empty, empty_and_empty, blocking_put, POINT)
{
	return tee(a->fd[0], a->fd[3], 100, 0);
}

CASE(tee_to_full, full_and_some, blocking_take, POINT)
{
	return tee(a->fd[2], a->fd[1], 100, 0);
}

CASE(vmsplice_full, blocking_pipe_full, blocking_take, POINT)
{
	return vmsplice(a->fd[1], &three, 1, 0);
}

static bool file_beside(struct blocking_at *a)
{
	if (!blocking_path(a))
		return false;
	a->fd[2] = open(a->path, O_RDWR | O_CREAT | O_EXCL, 0600);
	return a->fd[2] >= 0 && write(a->fd[2], "abc", 3) == 3;
}

static bool pipe_full_and_file(struct blocking_at *a)
{
	return blocking_pipe_full(a) && file_beside(a);
}

static bool stream_full_and_file(struct blocking_at *a)
{
	return stream_full(a) && file_beside(a);
}

static long sendfile_some(struct blocking_at *a)
{
	off_t from = 0;
	long r = sendfile(a->fd[1], a->fd[2], &from, 100);

	return number_read(a, (uint64_t)from, r);
}

CASE(sendfile_pipe, pipe_full_and_file, blocking_take, 0)
{
	return sendfile_some(a);
}

CASE(sendfile_socket, stream_full_and_file, blocking_take, 0)
{
	return sendfile_some(a);
}

/* ---- devices and rings ------------------------------------------------------------------------- */

/* A child that asks for leave before it calls getppid: fd[0] is where, fd[1] pokes it. */
static void ask_leave(int sock)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };
	char c = 0, control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		_exit(1);
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			  &prog);
	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&m) =
			(struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	} else {
		c = (char)errno;
	}
	if (sendmsg(sock, &m, 0) != 1 || read(sock, &c, 1) != 1)
		_exit(1);
	syscall(SYS_getppid);
	_exit(0);
}

static bool seccomp_child(struct blocking_at *a)
{
	char c = 0, control[CMSG_SPACE(sizeof(int))];
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	a->pid = fork();
	CHECK(a->pid >= 0);
	if (a->pid == 0) {
		close(pair[0]);
		ask_leave(pair[1]);
	}
	CHECK(close(pair[1]) == 0);
	a->fd[1] = pair[0];
	if (recvmsg(pair[0], &m, 0) != 1 || !CMSG_FIRSTHDR(&m)) {
		errno = c ? c : ENOSYS;
		return false;
	}
	memcpy(&a->fd[0], CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return true;
}

CASE(ioctl_seccomp, seccomp_child, blocking_put, 0)
{
	struct seccomp_notif n = { 0 };
	long r = ioctl(a->fd[0], SECCOMP_IOCTL_NOTIF_RECV, &n);

	return number_read(a, n.data.nr == SYS_getppid, r);
}

static bool aio_poll(struct blocking_at *a)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN, .aio_data = 42 };
	struct iocb *list = &cb;
	aio_context_t ctx = 0;

	if (pipe(a->fd) != 0 || syscall(SYS_io_setup, 4, &ctx) != 0)
		return false;
	a->mem = (void *)ctx;
	cb.aio_fildes = (uint32_t)a->fd[0];
	return syscall(SYS_io_submit, ctx, 1, &list) == 1;
}

CASE(io_getevents_poll, aio_poll, blocking_put, 0)
{
	struct io_event e[2] = { { 0 } };
	long r = syscall(SYS_io_getevents, a->mem, 1, 2, e, NULL);

	return number_read(a, e[0].data, r);
}

CASE(io_pgetevents_poll, aio_poll, blocking_put, 0)
{
	struct io_event e[2] = { { 0 } };
	struct timespec day = { 86400, 0 };
	long r = syscall(SYS_io_pgetevents, a->mem, 1, 2, e, &day, NULL);

	return number_read(a, e[0].data, r);
}

/* A ring whose one request, in place of fd[3], reads the pipe. */
static bool ring(struct blocking_at *a)
{
	struct io_uring_params p = { 0 };
	struct io_uring_sqe *sqe;
	char *sq;

	if (pipe(a->fd) != 0)
		return false;
	a->fd[2] = (int)syscall(SYS_io_uring_setup, 4, &p);
	if (a->fd[2] < 0)
		return false;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED,
		  a->fd[2], IORING_OFF_SQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, a->fd[2],
		   IORING_OFF_SQES);
	CHECK(sq != MAP_FAILED && (void *)sqe != MAP_FAILED);
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_READ,
				      .fd = a->fd[0],
				      .len = 63,
				      .addr = (uintptr_t)a->buf,
				      .off = (uint64_t)-1 };
	((uint32_t *)(sq + p.sq_off.array))[0] = 0;
	__atomic_store_n((uint32_t *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	return true;
}

CASE(io_uring_enter_read, ring, blocking_put, ONCE)
{
	return syscall(SYS_io_uring_enter, a->fd[2], 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}
