/* SPDX-License-Identifier: MIT */
/*
 * Is a call going to wait? See wait.h.
 *
 * What a number is, netpoll_kind() guesses without a call. On a pipe or a socket the call is simply made,
 * in a form that does not wait: where something is there, that is all. A call of another sort gives its P
 * away at once if it waits, and the next G runs without delay; one that does not keeps it, for to
 * get a P back costs more than most calls. The kernel knows which it will be: it is asked by a poll that
 * does not wait, about 100 ns. Descriptors that never make one wait (files, O_NONBLOCK) look ready,
 * or are asked for their flags once they do not.
 *
 * Calls on a pipe or socket: one that is ready costs one system call; one that waits the try and the second try,
 * and on a socket that has been given a time limit getsockopt and epoll_ctl. What is known besides (is it
 * O_NONBLOCK? has epoll been told?) netpoll.c keeps.
 *
 * What has no form that does not wait is asked by poll, parked, and then made: a terminal, where nothing but
 * data is waited for (terminal_waits()); inotify; a socket with a low-water mark, of which a part must not be
 * taken. Should another take what came in between, the call waits in the kernel and costs an M, no more.
 *
 * A guess is wrong when a number has been closed and used again by a `syscall` instruction that is not
 * patched. Then a regular file is taken for a pipe at worst, and read as far as it is in memory: that
 * is what read_rest() looks out for.
 */
#include "interpose/wait.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <poll.h>
#include <linux/tty.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "interpose/limit.h"
#include "sched/base/raw.h"
#include "sched/netpoll.h"
#include "sched/signal.h"

/* A time limit of zero. */
static bool zero_timespec(long user)
{
	struct timespec ts;

	/* struct timeval has the same shape */
	return user && arch_copy_user(&ts, (void *)user, sizeof ts) == 0 && ts.tv_sec == 0 &&
	       ts.tv_nsec == 0;
}

static bool told_not_to(const struct seam *s)
{
	switch (s->nr) {
	case __NR_recvfrom:
	case __NR_sendto:
	case __NR_recvmmsg:
	case __NR_sendmmsg:
		return s->arg[3] & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB);
	case __NR_recvmsg:
	case __NR_sendmsg:
		return s->arg[2] & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB);
	case __NR_read:
	case __NR_write:
		return !s->arg[2];
	case __NR_preadv2:
	case __NR_pwritev2:
		return s->arg[5] & RWF_NOWAIT;
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
		return s->arg[3] == 0;
	case __NR_epoll_pwait2:
		return zero_timespec(s->arg[3]);
	case __NR_poll:
	case __NR_ppoll:
		/* What is ready now ends it at once. */
		return (s->nr == __NR_poll ? (int)s->arg[2] == 0 : zero_timespec(s->arg[2])) ||
		       raw3(SYS_poll, s->arg[0], s->arg[1], 0) != 0;
	case __NR_select:
	case __NR_pselect6:
	case __NR_io_getevents:
	case __NR_io_pgetevents:
		return zero_timespec(s->arg[4]);
	case __NR_wait4:
		return s->arg[2] & WNOHANG;
	case __NR_waitid:
		return s->arg[3] & WNOHANG;
	case __NR_msgrcv:
		return s->arg[4] & 04000; /* IPC_NOWAIT */
	case __NR_futex:
		switch (s->arg[1] & FUTEX_CMD_MASK) {
		case FUTEX_WAIT:
		case FUTEX_WAIT_BITSET:
		case FUTEX_LOCK_PI:
		case FUTEX_LOCK_PI2:
			return false;
		}
		return true;
	case __NR_io_uring_enter:
		return s->arg[2] == 0 || !(s->arg[3] & IORING_ENTER_GETEVENTS);
	}
	return false;
}

/* Can a call for EVENTS on a descriptor with these FLAGS wait? */
static bool may_wait(long flags, short events)
{
	if (raw_failed(flags) || (flags & O_NONBLOCK))
		return false;
	return (flags & O_ACCMODE) != (events & POLLIN ? O_WRONLY : O_RDONLY);
}

static bool expected(const struct seam *s, const struct row *row)
{
	struct pollfd fd = {.fd = (int)s->arg[0]};
	long flags;

	if (!(row->flags & (READS | WRITES | WAITS)))
		return false;
	if (row->flags & WAITS)
		return !told_not_to(s);
	if (netpoll_kind(fd.fd) == KIND_FILE)
		return false;
	fd.events = row->flags & READS ? POLLIN : POLLOUT;
	/* Ready, in error, hung up or no descriptor at all: the call returns. */
	if (raw3(SYS_poll, &fd, 1, 0) != 0 || told_not_to(s))
		return false;
	if (s->nr == __NR_epoll_wait || s->nr == __NR_epoll_pwait || s->nr == __NR_epoll_pwait2)
		return true;
	flags = raw2(SYS_fcntl, s->arg[0], F_GETFL);
	return may_wait(flags, fd.events);
}

/* ---- without waiting ------------------------------------------------------------------------- */

static bool is_socket(enum netpoll_kind kind)
{
	return kind == KIND_SOCKET || kind == KIND_SOCKET_SET;
}

static bool listening(long fd)
{
	int listens = 0;
	uint32_t len = sizeof listens;

	return raw6(SYS_getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, (long)&listens, (long)&len, 0) == 0 &&
	       listens;
}

static bool low_water(int fd)
{
	int low = 1;
	uint32_t len = sizeof low;

	raw6(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, (long)&low, (long)&len, 0);
	return low > 1;
}

enum { COUNT_MAX = 0x7ffff000 }; /* the kernel's own bound of a transfer */

/* R bytes of at most N came: all that a pipe had. Or, see above, a part of a file, which ends at the
 * end of a page. */
static long read_rest(const struct seam *s, long r, long n)
{
	long more;

	if (r <= 0 || r == n || r % 512 || raw3(SYS_lseek, s->arg[0], 0, SEEK_CUR) == -ESPIPE)
		return r;
	netpoll_kind_other((int)s->arg[0]);
	if (s->nr != __NR_read)
		return r;
	more = raw3(SYS_read, s->arg[0], s->arg[1] + r, n - r);
	return more > 0 ? r + more : r;
}

static bool plain_flags(long flags)
{
	return !(flags & (MSG_DONTWAIT | MSG_WAITALL | MSG_ERRQUEUE | MSG_OOB));
}

/* Several messages of a socket, all whole, without a limit of their own. */
static bool plain_messages(const struct seam *s)
{
	int type = SOCK_STREAM;
	uint32_t len = sizeof type;

	if (!plain_flags(s->arg[3]) || (s->nr == __NR_recvmmsg && s->arg[4]))
		return false;
	raw6(SYS_getsockopt, s->arg[0], SOL_SOCKET, SO_TYPE, (long)&type, (long)&len, 0);
	return type != SOCK_STREAM;
}

/* The call in S, if it has such a form. */
static bool nowait(const struct seam *s, enum netpoll_kind kind, long *r)
{
	const bool socket = is_socket(kind);
	struct iovec v = {(void *)s->arg[1], (size_t)s->arg[2]};
	long flags;

	switch (s->nr) {
	case __NR_read:
		if (!v.iov_len || v.iov_len > COUNT_MAX)
			return false;
		if (socket)
			*r = raw6(SYS_recvfrom, s->arg[0], s->arg[1], s->arg[2], MSG_DONTWAIT, 0, 0);
		else
			*r = read_rest(s, raw6(SYS_preadv2, s->arg[0], (long)&v, 1, -1, -1, RWF_NOWAIT),
				       s->arg[2]);
		return true;
	case __NR_readv:
		*r = raw6(SYS_preadv2, s->arg[0], s->arg[1], s->arg[2], -1, -1, RWF_NOWAIT);
		*r = read_rest(s, *r, 0);
		return true;
	case __NR_write:
		if (!v.iov_len || v.iov_len > COUNT_MAX)
			return false;
		if (kind == KIND_SOCKET)
			*r = raw6(SYS_sendto, s->arg[0], s->arg[1], s->arg[2], MSG_DONTWAIT, 0, 0);
		else
			*r = raw6(SYS_pwritev2, s->arg[0], (long)&v, 1, -1, -1,
				  RWF_NOWAIT);
		return true;
	case __NR_writev:
		*r = raw6(SYS_pwritev2, s->arg[0], s->arg[1], s->arg[2], -1, -1, RWF_NOWAIT);
		return true;
	case __NR_recvfrom:
	case __NR_sendto:
		/* What MSG_WAITALL waits for comes piece by piece (sys_io.c). */
		flags = s->arg[3] & MSG_PEEK ? s->arg[3] : s->arg[3] & ~MSG_WAITALL;
		if (!socket || !plain_flags(flags))
			return false;
		*r = raw6(s->nr, s->arg[0], s->arg[1], s->arg[2], flags | MSG_DONTWAIT, s->arg[4],
			  s->arg[5]);
		return true;
	case __NR_recvmmsg:
	case __NR_sendmmsg:
		if (!socket || !plain_messages(s))
			return false;
		*r = raw6(s->nr, s->arg[0], s->arg[1], s->arg[2], s->arg[3] | MSG_DONTWAIT, s->arg[4], 0);
		return true;
	case __NR_recvmsg:
	case __NR_sendmsg:
		if (!socket || !plain_flags(s->arg[2]))
			return false;
		*r = raw3(s->nr, s->arg[0], s->arg[1], s->arg[2] | MSG_DONTWAIT);
		return true;
	}
	return false;
}

static bool writes(long nr)
{
	return nr == __NR_write || nr == __NR_writev || nr == __NR_sendto || nr == __NR_sendmsg;
}

/* Make the call in S without waiting. END_AGAIN: it has no such form; END_READY: only the call itself can
 * tell; END_BLOCK: it would wait. */
static enum wait_end try(struct g *g, const struct seam *s, enum netpoll_kind kind, long *r)
{
	bool made;

	sched_enter_syscall(g);
	made = nowait(s, kind, r);
	sched_exit_syscall(g);
	if (!made)
		return END_AGAIN;
	if (*r == -EOPNOTSUPP || *r == -ENOTSOCK) {
		netpoll_kind_other((int)s->arg[0]);
		return END_AGAIN;
	}
	if (*r > 0 && writes(s->nr) && netpoll_waiters())
		netpoll_wrote(g, (int)s->arg[0]);
	if (*r != -EAGAIN)
		return END_DONE;
	if (netpoll_blocking((int)s->arg[0]))
		return END_BLOCK;
	/* Sockets have said so themselves; see the head of this file. */
	return is_socket(kind) && s->nr != __NR_write && s->nr != __NR_writev && s->nr != __NR_readv
		       ? END_DONE
		       : END_READY;
}

/* ---- waiting --------------------------------------------------------------------------------- */

enum { ROUNDS = 1000 }; /* in vain, after which the kernel shall wait: others were always quicker, or epoll errs */

/* Will what S's try has missed be an edge? Not room: a datagram may have none at its receiver, which is another
 * for each call. Nor does what a low-water mark keeps back say so. */
static bool by_edge(const struct row *row, const struct seam_way *way, enum netpoll_kind kind)
{
	return (row->flags & READS) && (kind == KIND_PIPE || kind == KIND_SOCKET) && !way->untried;
}

static enum wait_end park_for(struct g *g, struct seam *s, const struct row *row, struct seam_way *way,
			      enum netpoll_kind kind, long *r)
{
	int fd = (int)s->arg[0];

	if (!way->since && kind != KIND_PIPE && kind != KIND_SOCKET) {
		way->since = raw_now();
		way->limit = limit_of_socket(s, row);
	}
	if (way->rounds > 1)
		netpoll_in_vain(fd);
	*r = netpoll_wait(g, &fd, row->flags & READS ? POLLIN : POLLOUT,
			  way->limit ? way->since + way->limit : INT64_MAX,
			  by_edge(row, way, kind) ? &way->seen : NULL);
	if (fd != (int)s->arg[0]) {
		s->arg[0] = fd;
		way->fd = fd;
	}
	switch (*r) {
	case 0:
		return END_AGAIN;
	case -EINTR:
		return END_SIGNAL;
	case -ETIMEDOUT:
		*r = -EAGAIN;
		return END_DONE;
	}
	return END_BLOCK;
}

/*
 * Does a read or a write of a terminal that is not ready wait for nothing but that it becomes so? Not one
 * that tells a process in the background to stop, nor a read that may end with less than poll(2) waits for. Other
 * devices are left to the kernel: a read may be what makes them begin.
 */
static bool terminal_waits(const struct seam *s)
{
	struct termios t;
	int n = 0, ldisc = -1;
	const long fd = s->arg[0];
	bool reads = s->nr == __NR_read, master;

	if ((!reads && s->nr != __NR_write) || raw3(SYS_ioctl, fd, TCGETS, &t) != 0 ||
	    raw3(SYS_ioctl, fd, TIOCGETD, &ldisc) != 0 || ldisc != N_TTY)
		return false;
	master = raw3(SYS_ioctl, fd, TIOCGPTN, &n) == 0;
	if (master)
		return true;
	if (reads && !(t.c_lflag & ICANON) &&
	    (!t.c_cc[VMIN] || t.c_cc[VTIME] || s->arg[2] < t.c_cc[VMIN]))
		return false;
	/* Fails where it is not the process's own terminal. */
	if ((reads || (t.c_lflag & TOSTOP)) && raw3(SYS_ioctl, fd, TIOCGPGRP, &n) == 0)
		return n == raw0(SYS_getpgrp);
	return true;
}

static bool text_is(const char *s, const char *t)
{
	while (*s && *s == *t)
		s++, t++;
	return *s == *t;
}

/* Of the files that have no form of read(2) that does not wait, one whose read says nothing before it waits. */
static bool only_waits(long fd)
{
	char path[32] = "/proc/self/fd/", name[32], digits[12], *at = path + sizeof "/proc/self/fd/" - 1;
	int n = 0;
	long len;

	do
		digits[n++] = (char)('0' + fd % 10);
	while ((fd /= 10) > 0);
	while (n)
		*at++ = digits[--n];
	*at = 0;
	len = raw3(SYS_readlink, path, name, sizeof name - 1);
	if (len <= 0)
		return false;
	name[len] = 0;
	return text_is(name, "anon_inode:inotify") || text_is(name, "anon_inode:[fanotify]");
}

/* Is the call in S, which is going to wait, one that the kernel would let wait? Its other errors must show
 * at once, so it is asked in the form that does not wait, if there is one. END_BLOCK: there is none. */
static enum wait_end worth_parking(const struct seam *s, const struct row *row, enum netpoll_kind kind, long *r)
{
	switch (s->nr) {
	case __NR_accept:
	case __NR_accept4:
		return listening(s->arg[0]) ? END_AGAIN : END_BLOCK;
	case __NR_recvfrom:
	case __NR_recvmsg: /* MSG_WAITALL, of which the beginning is waited for */
	case __NR_recvmmsg:
	case __NR_sendmmsg:
		return is_socket(kind) && !listening(s->arg[0]) ? END_AGAIN : END_BLOCK;
	case __NR_read:
	case __NR_readv:
	case __NR_write:
	case __NR_writev:
		if (is_socket(kind)) /* a low-water mark */
			return listening(s->arg[0]) ? END_BLOCK : END_AGAIN;
		if (kind == KIND_DEVICE)
			return terminal_waits(s) ? END_AGAIN : END_BLOCK;
		if (kind != KIND_OTHER || !nowait(s, kind, r))
			return END_BLOCK;
		if (*r == -EOPNOTSUPP)
			return (row->flags & READS) && only_waits(s->arg[0]) ? END_AGAIN : END_BLOCK;
		return *r == -EAGAIN ? END_AGAIN : END_DONE;
	}
	return END_BLOCK;
}

/* What a pipe or a socket says; END_AGAIN: it is to be asked by poll. */
static enum wait_end first_try(struct g *g, struct seam *s, enum netpoll_kind kind, long *r)
{
	/* A G that is pinned for what its M is like may have descriptors of its own, or may not make such calls. */
	if ((kind == KIND_PIPE || is_socket(kind)) && !(atomic_load(&g->own_m) && atomic_load(&g->own_state)))
		return try(g, s, kind, r);
	return END_AGAIN;
}

/*
 * connect(2) has no form that does not wait, and O_NONBLOCK is not ours to set: others would see it. So it is made,
 * and sysmon, when it takes the P away, also kicks the M out of it. As after any signal, TCP goes on to connect
 * by itself, says so by POLLOUT, and tells what came of it the next call. Other protocols do not.
 */
static enum wait_end connect_way(struct g *g, struct seam *s, const struct row *row, struct seam_way *way,
				 long *r)
{
	struct pollfd p = {.fd = (int)s->arg[0], .events = POLLOUT};
	int protocol = 0;
	uint32_t len = sizeof protocol;
	enum wait_end end;

	if (!way->since) {
		if (!atomic_load(&g->own_m) &&
		    raw6(SYS_getsockopt, p.fd, SOL_SOCKET, SO_PROTOCOL, (long)&protocol, (long)&len, 0) == 0 &&
		    protocol == IPPROTO_TCP)
			way->since = raw_now();
		return END_READY;
	}
	if (way->rounds++ >= ROUNDS || raw3(SYS_poll, &p, 1, 0) != 0 ||
	    !may_wait(raw2(SYS_fcntl, p.fd, F_GETFL), POLLOUT))
		return END_READY;
	end = park_for(g, s, row, way, KIND_SOCKET_SET, r);
	if (end == END_DONE) /* out of time */
		*r = -EINPROGRESS;
	return end;
}

/* Does the call in S wait for anything, and bring what there is? */
static bool brings(const struct seam *s)
{
	switch (s->nr) {
	case __NR_read:
		return s->arg[2];
	case __NR_recvfrom:
		return plain_flags(s->arg[3]);
	case __NR_recvmsg:
		return plain_flags(s->arg[2]);
	}
	return false;
}

enum wait_end wait_for(struct g *g, struct seam *s, const struct row *row, struct seam_way *way, long *r)
{
	enum netpoll_kind kind;
	enum wait_end end;

	way->tried = way->alone = false;
	if (!row)
		return END_READY;
	if (s->nr == __NR_connect)
		return connect_way(g, s, row, way, r);
	if (!(row->flags & (READS | WRITES)))
		return expected(s, row) ? END_BLOCK : END_READY;
	kind = netpoll_kind((int)s->arg[0]);
	if ((kind == KIND_PIPE || kind == KIND_SOCKET) && brings(s) && sched_alone(g)) {
		way->alone = true;
		netpoll_forgo((int)s->arg[0]);
		return END_BLOCK;
	}
	way->untried = (kind == KIND_PIPE || kind == KIND_SOCKET) && !way->rounds && brings(s) &&
		       netpoll_talks(g, (int)s->arg[0]) && netpoll_blocking((int)s->arg[0]);
	if (way->untried) {
		way->rounds++;
		return park_for(g, s, row, way, kind, r);
	}
	way->seen = netpoll_seen((int)s->arg[0]);
	/* A read that brings less than the low-water mark cannot be put back. */
	end = kind == KIND_SOCKET_SET && (row->flags & READS) && low_water((int)s->arg[0])
		      ? END_AGAIN
		      : first_try(g, s, kind, r);
	if (end == END_AGAIN) {
		if (!expected(s, row))
			return END_READY;
		/* epoll_wait comes here when it cannot be parked. */
		end = !(row->flags & SOTIMEO) || atomic_load(&g->own_m) ? END_BLOCK
									: worth_parking(s, row, kind, r);
		if (end == END_AGAIN && way->rounds++ < ROUNDS)
			return park_for(g, s, row, way, kind, r);
	} else if (end == END_BLOCK && !atomic_load(&g->own_m) && way->rounds++ < ROUNDS) {
		return park_for(g, s, row, way, kind, r);
	}
	if (end == END_DONE)
		way->tried = true;
	else if (end == END_AGAIN)
		end = END_BLOCK;
	if (end == END_BLOCK && (row->flags & SOTIMEO) && !way->since)
		way->since = raw_now();
	return end;
}

long wait_for_fd(struct g *g, int *fd, short events, bool restart, int64_t deadline)
{
	for (unsigned round = 0; round < ROUNDS && !atomic_load(&g->own_m); round++) {
		struct pollfd p = {.fd = *fd, .events = events};
		bool again = restart;
		long r;

		if (raw3(SYS_poll, &p, 1, 0) != 0 || !may_wait(raw2(SYS_fcntl, *fd, F_GETFL), events))
			return 0;
		r = netpoll_wait(g, fd, events, deadline, NULL);
		if (r != 0 && r != -EINTR)
			return 0;
		if (r == 0)
			continue;
		sig_drain(g->m);
		if (sig_deliver(g, &again) && !again)
			return -EINTR;
		round--;
	}
	return 0;
}
