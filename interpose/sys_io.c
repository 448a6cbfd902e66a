/* SPDX-License-Identifier: MIT */
/* Transfers: those that are more than one call. */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "interpose/limit.h"
#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/raw.h"
#include "sched/netpoll.h"
#include "sched/signal.h"

/*
 * A blocking write is done when all is written. Here it comes in pieces: those that find room without waiting
 * (wait.c), and those that a kick has cut short, which finds the kernel half way through a transfer and
 * makes it return what is done so far, though no signal of the program's has asked for that: the rest
 * follows. Where the rest would block and the descriptor does not, or fails, the short count
 * stands, as natively.
 */

/* G's M was told something during a call. Is it none of G's business? */
static bool go_on(struct g *g)
{
	sig_drain(g->m);
	return !sig_deliverable(g);
}

static long call(struct g *g, struct seam *s, struct seam_way *way)
{
	return seam_call_way(g, s, table_row(s->nr)->flags, way);
}

/* A signal of the process may end a transfer on the M that the kernel chose, and then be taken by
 * another M: nobody was told here. On a pipe or a socket that blocks and has no error, nothing else makes a count
 * short. */
static bool cut_unseen(long fd)
{
	struct pollfd p = {.fd = (int)fd};
	struct stat st;
	long flags;

	flags = raw2(SYS_fcntl, fd, F_GETFL);
	if (raw_failed(flags) || (flags & O_NONBLOCK) || raw2(SYS_fstat, fd, &st) != 0 ||
	    !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return false;
	return raw3(SYS_poll, &p, 1, 0) == 0;
}

/* Not so with MSG_DONTWAIT. */
static bool may_go_on(const struct seam *s)
{
	if ((s->nr == __NR_sendto || s->nr == __NR_recvfrom) && (s->arg[3] & MSG_DONTWAIT))
		return false;
	if ((s->nr == __NR_sendmsg || s->nr == __NR_recvmsg) && (s->arg[2] & MSG_DONTWAIT))
		return false;
	/* Nor where time may have run out. */
	return cut_unseen(s->arg[0]) && !limit_of_socket(s, table_row(s->nr));
}

/* FD, which had no room, is one to wait for, and has not failed meanwhile. */
static bool room_will_come(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	long flags = raw2(SYS_fcntl, fd, F_GETFL);

	if (raw_failed(flags) || (flags & O_NONBLOCK))
		return false;
	/* A pipe says it with the next write, and sends SIGPIPE, as natively. */
	return netpoll_kind(fd) != KIND_SOCKET || raw3(SYS_poll, &p, 1, 0) <= 0 ||
	       !(p.revents & (POLLERR | POLLHUP));
}

/* A device that brings bytes without end (null(4), random(4)): a signal alone makes a read of it short, and if
 * that is not G's, it was none. */
static bool endless(int fd)
{
	enum { MEM_MAJOR = 1 };
	struct stat st;

	return netpoll_kind(fd) == KIND_DEVICE && raw2(SYS_fstat, fd, &st) == 0 &&
	       S_ISCHR(st.st_mode) && major(st.st_rdev) == MEM_MAJOR;
}

/* The count of a call such as S was short. */
static bool rest_follows(struct g *g, const struct seam *s, const struct seam_way *way)
{
	if (s->nr == __NR_read)
		return !way->tried && endless((int)s->arg[0]) && go_on(g);
	if (way->tried)
		return room_will_come(way->fd >= 0 ? way->fd : (int)s->arg[0]) && !sig_deliverable(g);
	return (way->kicked || may_go_on(s)) && go_on(g);
}

/* The call in S transfers s->arg[2] bytes at s->arg[1]. */
static long all_on_way(struct g *g, const struct seam *s, struct seam_way *way)
{
	struct seam t = *s;
	long done = 0, r;

	for (;;) {
		r = call(g, &t, way);
		if (r <= 0)
			return done ? done : r;
		done += r;
		if (r >= t.arg[2] || !rest_follows(g, s, way))
			return done;
		t.arg[1] += r;
		t.arg[2] -= r;
	}
}

static long all_of_it(struct g *g, struct seam *s)
{
	struct seam_way way = SEAM_WAY;
	long r = all_on_way(g, s, &way);

	seam_way_end(&way);
	return r;
}

/* The N buffers at V, of which R bytes are transferred, one after the other. ONE is the call that
 * transfers arg[2] bytes at arg[1]. */
static long rest_of_it(struct g *g, long r, const struct iovec *v, unsigned long n, struct seam *one,
		       struct seam_way *way)
{
	size_t skip = (size_t)r;
	long done = r;
	bool asked = false;

	for (unsigned long i = 0; i < n; i++) {
		struct iovec at;

		if (arch_copy_user(&at, &v[i], sizeof at))
			return done;
		if (skip >= at.iov_len) {
			skip -= at.iov_len;
			continue;
		}
		if (!asked && !rest_follows(g, one, way))
			return done;
		asked = true;
		one->arg[1] = (long)at.iov_base + (long)skip;
		one->arg[2] = (long)(at.iov_len - skip);
		skip = 0;
		r = all_on_way(g, one, way);
		if (r <= 0)
			return done;
		done += r;
		if (r < one->arg[2])
			return done;
	}
	return done;
}

long sys_write(struct g *g, struct seam *s)
{
	return all_of_it(g, s);
}

long sys_read(struct g *g, struct seam *s)
{
	return all_of_it(g, s);
}

/* As with endless(): getrandom(2) of more than 256 bytes ends early by a signal. */
long sys_getrandom(struct g *g, struct seam *s)
{
	struct seam t = *s;
	long done = 0, r;

	for (;;) {
		r = seam_call(g, &t, table_row(t.nr)->flags);
		if (r <= 0)
			return done ? done : r;
		done += r;
		if (r >= t.arg[1] || !go_on(g))
			return done;
		t.arg[0] += r;
		t.arg[1] -= r;
	}
}

long sys_sendto(struct g *g, struct seam *s)
{
	return all_of_it(g, s);
}

long sys_writev(struct g *g, struct seam *s)
{
	struct seam one = {.nr = __NR_write, .arg = {s->arg[0]}};
	struct seam_way way = SEAM_WAY;
	long r = call(g, s, &way);

	if (r > 0)
		r = rest_of_it(g, r, (struct iovec *)s->arg[1], (unsigned long)s->arg[2], &one, &way);
	seam_way_end(&way);
	return r;
}

/* Only of a stream can MSG_WAITALL mean more than one message. */
static bool waits_for_all(const struct seam *s, long flags)
{
	int type = 0;
	uint32_t len = sizeof type;

	return (flags & MSG_WAITALL) && !(flags & MSG_PEEK) &&
	       raw6(SYS_getsockopt, s->arg[0], SOL_SOCKET, SO_TYPE, (long)&type, (long)&len, 0) == 0 &&
	       type == SOCK_STREAM;
}

long sys_recvfrom(struct g *g, struct seam *s)
{
	return waits_for_all(s, s->arg[3]) ? all_of_it(g, s)
					   : seam_call(g, s, table_row(s->nr)->flags);
}

/* The first call has done all but the bytes. */
static long message(struct g *g, struct seam *s, long nr)
{
	struct seam one = {.nr = nr, .arg = {s->arg[0], 0, 0, s->arg[2]}};
	struct msghdr m;
	struct seam_way way = SEAM_WAY;
	long r = call(g, s, &way);

	if (r > 0 && !arch_copy_user(&m, (void *)s->arg[1], sizeof m))
		r = rest_of_it(g, r, m.msg_iov, m.msg_iovlen, &one, &way);
	seam_way_end(&way);
	return r;
}

long sys_sendmsg(struct g *g, struct seam *s)
{
	return message(g, s, __NR_sendto);
}

/* What has come with control data ends there. */
long sys_recvmsg(struct g *g, struct seam *s)
{
	struct msghdr m;

	if (waits_for_all(s, s->arg[2]) && arch_copy_user(&m, (void *)s->arg[1], sizeof m) == 0 &&
	    !m.msg_control)
		return message(g, s, __NR_recvfrom);
	return seam_call(g, s, table_row(s->nr)->flags);
}
