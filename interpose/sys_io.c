/* SPDX-License-Identifier: MIT */
/* Calls that wait for files: those that need more than a hand-off. */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "interpose/limit.h"
#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/raw.h"
#include "sched/signal.h"

/* The call in S with the signal mask at USER in force, which is a G's and not the kernel's. */
static long with_mask(struct g *g, struct seam *s, const void *user)
{
	uint64_t mask, old = atomic_load(&g->sigmask);
	long r;

	if (!user)
		return seam_call(g, s, INTR);
	if (arch_copy_user(&mask, user, sizeof mask))
		return -EFAULT;
	g->sigsaved = old;
	g->sigsaved_valid = true;
	sig_set_mask(g, mask);
	/* What the mask lets in now ends the call, as natively. */
	r = sig_deliver(g, NULL) ? -EINTR : seam_call(g, s, INTR);
	if (g->sigsaved_valid) {
		g->sigsaved_valid = false;
		sig_set_mask(g, old);
	}
	return r;
}

long sys_ppoll(struct g *g, struct seam *s)
{
	struct seam t = *s;

	t.arg[3] = 0;
	return with_mask(g, &t, (void *)s->arg[3]);
}

long sys_epoll_pwait(struct g *g, struct seam *s)
{
	struct seam t = *s;

	t.arg[4] = 0;
	return with_mask(g, &t, (void *)s->arg[4]);
}

long sys_pselect6(struct g *g, struct seam *s)
{
	struct seam t = *s;
	struct {
		void *mask;
		size_t size;
	} m = {NULL, 0};

	if (s->arg[5] && arch_copy_user(&m, (void *)s->arg[5], sizeof m))
		return -EFAULT;
	t.arg[5] = 0;
	return with_mask(g, &t, m.mask);
}

/*
 * A kick that finds the kernel half way through a transfer makes it return what is done so far, which
 * no signal of the program's has asked for: the rest follows. Where the rest would block and the
 * descriptor does not, or fails, the short count stands, as natively.
 */

/* G's M was told something during a call. Is it none of G's business? */
static bool go_on(struct g *g)
{
	sig_drain(g->m);
	return !sig_deliverable(g);
}

static long call(struct g *g, struct seam *s, bool *kicked)
{
	return seam_call_kicked(g, s, table_row(s->nr)->flags, kicked);
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

/* The call in S transfers s->arg[2] bytes at s->arg[1]. */
static long all_of_it(struct g *g, struct seam *s)
{
	struct seam t = *s;
	long done = 0, r;
	bool kicked;

	for (;;) {
		r = call(g, &t, &kicked);
		if (r <= 0)
			return done ? done : r;
		done += r;
		if (r >= t.arg[2] || !(kicked || may_go_on(s)) || !go_on(g))
			return done;
		t.arg[1] += r;
		t.arg[2] -= r;
	}
}

/* The N buffers at V, of which R bytes are transferred, one after the other. ONE is the call that
 * transfers arg[2] bytes at arg[1]. */
static long rest_of_it(struct g *g, long r, const struct iovec *v, unsigned long n, struct seam *one,
		       bool kicked)
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
		if (!asked && (!(kicked || may_go_on(one)) || !go_on(g)))
			return done;
		asked = true;
		one->arg[1] = (long)at.iov_base + (long)skip;
		one->arg[2] = (long)(at.iov_len - skip);
		skip = 0;
		r = all_of_it(g, one);
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

long sys_sendto(struct g *g, struct seam *s)
{
	return all_of_it(g, s);
}

long sys_writev(struct g *g, struct seam *s)
{
	struct seam one = {.nr = __NR_write, .arg = {s->arg[0]}};
	bool kicked;
	long r = call(g, s, &kicked);

	if (r <= 0)
		return r;
	return rest_of_it(g, r, (struct iovec *)s->arg[1], (unsigned long)s->arg[2], &one,
			  kicked);
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
	bool kicked;
	long r = call(g, s, &kicked);

	if (r <= 0 || arch_copy_user(&m, (void *)s->arg[1], sizeof m))
		return r;
	return rest_of_it(g, r, m.msg_iov, m.msg_iovlen, &one, kicked);
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
