/* SPDX-License-Identifier: MIT */
/* Transfers: those that are more than one call. */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mqueue.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "interpose/limit.h"
#include "interpose/seam.h"
#include "interpose/table.h"
#include "interpose/wait.h"
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

/* Of which something is done: it is not made again when a handler has run, whatever SA_RESTART says. */
static long call_for_rest(struct g *g, struct seam *s, struct seam_way *way)
{
	return seam_call_way(g, s, table_row(s->nr)->flags & ~RESTART, way);
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

/* Not where time may have run out. */
static bool may_go_on(const struct seam *s)
{
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

/* FD, which brought a part, has more to bring: an error is for the next call to tell. */
static bool more_will_come(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return raw3(SYS_poll, &p, 1, 0) <= 0 || !(p.revents & (POLLERR | POLLNVAL));
}

static int fd_of(const struct seam *s, const struct seam_way *way)
{
	return way->fd >= 0 ? way->fd : (int)s->arg[0];
}

/* The count of a call such as S was short. */
static bool rest_follows(struct g *g, const struct seam *s, const struct seam_way *way)
{
	if (s->nr == __NR_recvfrom)
		return more_will_come(fd_of(s, way)) && go_on(g);
	if (s->nr == __NR_read)
		return !way->tried && endless((int)s->arg[0]) && go_on(g);
	if (way->tried)
		return room_will_come(fd_of(s, way)) && !sig_deliverable(g);
	return (way->kicked || may_go_on(s)) && go_on(g);
}

/* The call in S transfers s->arg[2] bytes at s->arg[1]; REST: others were before it. */
static long all_on_way(struct g *g, const struct seam *s, struct seam_way *way, bool rest)
{
	struct seam t = *s;
	long done = 0, r;

	for (;;) {
		r = rest || done ? call_for_rest(g, &t, way) : call(g, &t, way);
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
	long r = all_on_way(g, s, &way, false);

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
		r = all_on_way(g, one, way, true);
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

/* The call in S has said itself that it is not to wait: nothing needs to be asked before, nothing to follow. */
static long at_once(struct g *g, const struct seam *s)
{
	long r;

	sched_enter_syscall(g);
	r = seam_raw(s);
	sched_exit_syscall(g);
	return r;
}

long sys_sendto(struct g *g, struct seam *s)
{
	return s->arg[3] & MSG_DONTWAIT ? at_once(g, s) : all_of_it(g, s);
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
	if (s->arg[3] & MSG_DONTWAIT)
		return at_once(g, s);
	return waits_for_all(s, s->arg[3]) ? all_of_it(g, s)
					   : seam_call(g, s, table_row(s->nr)->flags);
}

/* The first call has done all but the bytes. */
static long message(struct g *g, struct seam *s, long nr)
{
	struct seam one = {.nr = nr, .arg = {s->arg[0], 0, 0, s->arg[2]}};
	struct seam first = *s;
	struct msghdr m;
	struct seam_way way = SEAM_WAY;
	long r;

	if (nr == __NR_recvfrom)
		first.arg[2] &= ~MSG_WAITALL;
	r = call(g, &first, &way);
	if (r > 0 && !arch_copy_user(&m, (void *)s->arg[1], sizeof m))
		r = rest_of_it(g, r, m.msg_iov, m.msg_iovlen, &one, &way);
	seam_way_end(&way);
	return r;
}

long sys_sendmsg(struct g *g, struct seam *s)
{
	if (s->arg[2] & MSG_DONTWAIT)
		return at_once(g, s);
	return message(g, s, __NR_sendto);
}

/* What has come with control data ends there. */
long sys_recvmsg(struct g *g, struct seam *s)
{
	struct msghdr m;

	if (s->arg[2] & MSG_DONTWAIT)
		return at_once(g, s);
	if (waits_for_all(s, s->arg[2]) && arch_copy_user(&m, (void *)s->arg[1], sizeof m) == 0 &&
	    !m.msg_control)
		return message(g, s, __NR_recvfrom);
	return seam_call(g, s, table_row(s->nr)->flags);
}

/* recvmmsg, sendmmsg: those that have come, or found room, and then the others. */
long sys_mmsg(struct g *g, struct seam *s)
{
	enum { AT_MOST = 1024 };
	struct seam_way way = SEAM_WAY;
	struct seam t = *s;
	long done = 0, r;

	t.arg[2] = (unsigned int)t.arg[2] > AT_MOST ? AT_MOST : (unsigned int)t.arg[2];
	for (;;) {
		r = done ? call_for_rest(g, &t, &way) : call(g, &t, &way);
		if (r <= 0)
			break;
		done += r;
		if (r >= t.arg[2] || !way.tried || (t.arg[3] & MSG_WAITFORONE) ||
		    !more_will_come(fd_of(&t, &way)) || !go_on(g))
			break;
		t.arg[1] += r * (long)sizeof(struct mmsghdr);
		t.arg[2] -= r;
	}
	seam_way_end(&way);
	return done ? done : r;
}

/* ---- what has two descriptors, or one and no form of its own that does not wait ------------- */

/* Wait for the descriptor in arg[I] of S, a copy; true: it is another now, to be dropped. */
static bool wait_side(struct g *g, struct seam *s, int i, short events, long *r)
{
	int fd = (int)s->arg[i];

	*r = wait_for_fd(g, &fd, events, true, INT64_MAX);
	if (fd == (int)s->arg[i])
		return false;
	s->arg[i] = fd;
	return true;
}

/* Can a transfer wait for FD, and for nothing but that poll(2) calls it ready? Not with a time limit of its own.
 * OFFSET: it is given one. */
static bool side_waits(long fd, bool offset, bool nonblock)
{
	enum netpoll_kind kind = netpoll_kind((int)fd);
	int listens = 0;
	uint32_t len = sizeof listens;

	if (offset)
		return false;
	if (kind == KIND_PIPE)
		return !nonblock;
	return kind == KIND_SOCKET &&
	       raw6(SYS_getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, (long)&listens, (long)&len, 0) == 0 &&
	       !listens;
}

static bool same_file(long a, long b)
{
	struct stat x, y;

	return raw2(SYS_fstat, a, &x) != 0 || raw2(SYS_fstat, b, &y) != 0 ||
	       (x.st_ino == y.st_ino && x.st_dev == y.st_dev);
}

/*
 * splice and tee. When both sides are ready they move something and are done; only what another takes away
 * between the look and the call is waited for in the kernel. What is wrong with a call must show before it
 * waits: those that may be wrong are not waited for here.
 */
long sys_splice(struct g *g, struct seam *s)
{
	const bool is_tee = s->nr == __NR_tee;
	const int out = is_tee ? 1 : 2;
	const long len = s->arg[is_tee ? 2 : 4], flags = s->arg[is_tee ? 3 : 5];
	const bool nonblock = flags & SPLICE_F_NONBLOCK;
	const enum netpoll_kind from = netpoll_kind((int)s->arg[0]), to = netpoll_kind((int)s->arg[out]);
	struct seam t = *s;
	bool moved[2] = {false, false};
	long r = 0;

	if (len && !(flags & ~15) && (from == KIND_PIPE || to == KIND_PIPE) &&
	    (!is_tee || from == to) && (from != to || !same_file(s->arg[0], s->arg[out]))) {
		if (side_waits(t.arg[0], !is_tee && t.arg[1], nonblock))
			moved[0] = wait_side(g, &t, 0, POLLIN, &r);
		if (!r && side_waits(t.arg[out], !is_tee && t.arg[3], nonblock))
			moved[1] = wait_side(g, &t, out, POLLOUT, &r);
	}
	if (!r)
		r = seam_call(g, &t, table_row(s->nr)->flags);
	if (moved[0])
		netpoll_drop((int)t.arg[0]);
	if (moved[1])
		netpoll_drop((int)t.arg[out]);
	return r;
}

/* The end of the pipe that FD is says in which direction. */
long sys_vmsplice(struct g *g, struct seam *s)
{
	struct seam t = *s;
	long flags = raw2(SYS_fcntl, s->arg[0], F_GETFL), r = 0;
	bool moved = false;

	if (!raw_failed(flags) && s->arg[2] && !(s->arg[3] & ~15) &&
	    side_waits(s->arg[0], false, s->arg[3] & SPLICE_F_NONBLOCK))
		moved = wait_side(g, &t, 0, (flags & O_ACCMODE) == O_RDONLY ? POLLIN : POLLOUT, &r);
	if (!r)
		r = seam_call(g, &t, table_row(s->nr)->flags);
	if (moved)
		netpoll_drop((int)t.arg[0]);
	return r;
}

/* Does the file of S have anything to send? If not, that is the answer, room or none. */
static bool file_has_some(const struct seam *s)
{
	struct stat st;
	int64_t at = 0;

	if (netpoll_kind((int)s->arg[1]) != KIND_FILE || raw2(SYS_fstat, s->arg[1], &st) != 0 ||
	    !S_ISREG(st.st_mode) || (raw2(SYS_fcntl, s->arg[1], F_GETFL) & O_ACCMODE) == O_WRONLY)
		return false;
	if (!s->arg[2])
		at = raw3(SYS_lseek, s->arg[1], 0, SEEK_CUR);
	else if (arch_copy_user(&at, (void *)s->arg[2], sizeof at))
		return false;
	return at >= 0 && at < st.st_size;
}

/* A file into a socket that blocks: in pieces for which there is room once the poller says that there is some,
 * so that the rest is waited for out of the kernel. */
long sys_sendfile(struct g *g, struct seam *s)
{
	enum { SHARE = 4, LEAST = 4096 };
	struct seam t = *s;
	long done = 0, left = s->arg[3], piece = left, r = 0;
	int size = 0;
	uint32_t len = sizeof size;
	bool moved = false;

	if (left > 0 && side_waits(t.arg[0], false, false) && file_has_some(s)) {
		if (netpoll_kind((int)t.arg[0]) != KIND_PIPE &&
		    raw6(SYS_getsockopt, t.arg[0], SOL_SOCKET, SO_SNDBUF, (long)&size, (long)&len, 0) == 0)
			piece = size / SHARE > LEAST ? size / SHARE : LEAST;
	} else {
		return seam_call(g, s, table_row(s->nr)->flags);
	}
	for (;;) {
		moved |= wait_side(g, &t, 0, POLLOUT, &r);
		if (r)
			break;
		t.arg[3] = left < piece ? left : piece;
		r = seam_call(g, &t, done ? INTR : table_row(s->nr)->flags);
		if (r <= 0)
			break;
		done += r;
		left -= r;
		if (!left || r < t.arg[3] || !go_on(g))
			break;
	}
	if (moved)
		netpoll_drop((int)t.arg[0]);
	return done ? done : r;
}

/* ---- message queues ------------------------------------------------------------------------- */

/* What is wrong with mq_timedsend must show before it waits. (Who waits to receive must do so in the kernel: a
 * message that finds somebody there is not notified of.) */
long sys_mq_timedsend(struct g *g, struct seam *s)
{
	enum { PRIORITIES = 32768 };
	struct mq_attr attr;
	struct timespec now, until;
	struct seam t = *s;
	int64_t deadline = INT64_MAX;
	int fd = (int)s->arg[0];
	long r = 0;

	if (raw3(SYS_mq_getsetattr, fd, NULL, &attr) == 0 &&
	    (unsigned long)s->arg[2] <= (unsigned long)attr.mq_msgsize &&
	    (unsigned int)s->arg[3] < PRIORITIES) {
		if (s->arg[4]) {
			if (arch_copy_user(&until, (void *)s->arg[4], sizeof until) || until.tv_sec < 0 ||
			    until.tv_nsec < 0 || until.tv_nsec >= 1000000000 || until.tv_sec > 1ll << 32)
				return seam_call(g, s, table_row(s->nr)->flags);
			raw2(SYS_clock_gettime, CLOCK_REALTIME, &now);
			deadline = raw_now() + (until.tv_sec - now.tv_sec) * 1000000000ll +
				   (until.tv_nsec - now.tv_nsec);
		}
		r = wait_for_fd(g, &fd, POLLOUT, true, deadline);
		t.arg[0] = fd;
	}
	if (!r)
		r = seam_call(g, &t, table_row(s->nr)->flags);
	if (fd != (int)s->arg[0])
		netpoll_drop(fd);
	return r;
}

/* A limit that a socket is given: what is known of sockets may be wrong from then on. */
long sys_setsockopt(struct g *g, struct seam *s)
{
	long r = seam_raw(s);

	(void)g;
	if (r == 0 && s->arg[1] == SOL_SOCKET &&
	    (s->arg[2] == SO_RCVLOWAT || s->arg[2] == SO_RCVTIMEO_OLD || s->arg[2] == SO_SNDTIMEO_OLD ||
	     s->arg[2] == SO_RCVTIMEO_NEW || s->arg[2] == SO_SNDTIMEO_NEW))
		netpoll_sockets_set();
	return r;
}
