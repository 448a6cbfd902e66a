/* SPDX-License-Identifier: MIT */
/*
 * The life of descriptors: those who wait for one that is closed finish on its file, and the poller's own
 * are not the program's to close. G is NULL for threads that are no G.
 */
#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stddef.h>

#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/raw.h"
#include "sched/follow.h"
#include "sched/netpoll.h"
#include "sched/signal.h"

static long call(struct g *g, struct seam *s)
{
	return g ? seam_call(g, s, table_row(s->nr)->flags) : seam_raw(s);
}

static bool ours(int fd)
{
	return netpoll_owns(fd) || follow_owns(fd);
}

/* FN for all from LO to HI. */
static void tell(struct g *g, unsigned lo, unsigned hi, void (*fn)(int fd))
{
	const bool quiet = !g && netpoll_started(); /* it takes locks that handlers on us might want */
	uint64_t mask = 0;

	/* Nobody else waits for a number of a table of G's own. */
	if (g && g->own_files)
		return;
	if (quiet)
		mask = sig_foreign_close();
	if (lo == hi)
		fn((int)lo);
	else
		netpoll_range(lo, hi, fn);
	if (quiet)
		sig_foreign_reopen(mask);
}

long sys_close(struct g *g, struct seam *s)
{
	int fd = (int)s->arg[0];
	long r;

	if (ours(fd))
		return -EBADF;
	tell(g, (unsigned)fd, (unsigned)fd, netpoll_closing);
	r = call(g, s);
	tell(g, (unsigned)fd, (unsigned)fd, netpoll_closed);
	return r;
}

/* dup3, too. */
long sys_dup2(struct g *g, struct seam *s)
{
	int from = (int)s->arg[0], to = (int)s->arg[1];
	long r;

	if (ours(from))
		return -EBADF;
	if (from == to)
		return call(g, s);
	/* In a table of its own it names the same file: to move it there would be no help. */
	if (netpoll_owns(to) && ((g && g->own_files) || !netpoll_move(to)))
		return -EBUSY;
	follow_release(to);
	tell(g, (unsigned)to, (unsigned)to, netpoll_closing);
	r = call(g, s);
	tell(g, (unsigned)to, (unsigned)to, netpoll_closed);
	return r;
}

long sys_ioctl(struct g *g, struct seam *s)
{
	long r = call(g, s);

	if (s->arg[1] == FIONBIO)
		netpoll_flags_set();
	return r;
}

static long close_piece(struct g *g, const struct seam *s, unsigned lo, unsigned hi)
{
	struct seam t = *s;

	if (lo > hi)
		return 0;
	t.arg[0] = lo;
	t.arg[1] = hi;
	return call(g, &t);
}

static long unshare_and_close(struct g *g, struct seam *s)
{
	long r = seam_pinned(g, s);

	if (r == 0 && atomic_load(&g->own_m))
		g->own_files = true;
	return r;
}

/* All of the range but what is ours. With CLOSE_RANGE_UNSHARE the table of descriptors is the kernel thread's own
 * from then on. */
long sys_close_range(struct g *g, struct seam *s)
{
	unsigned lo = (unsigned)s->arg[0], hi = (unsigned)s->arg[1], at = lo;
	bool closes = !(s->arg[2] & CLOSE_RANGE_CLOEXEC);
	long r = 0;

	if (s->arg[2] & CLOSE_RANGE_UNSHARE)
		return g ? unshare_and_close(g, s) : seam_raw(s);
	if (lo > hi || !closes)
		return call(g, s);
	tell(g, lo, hi, netpoll_closing);
	for (unsigned fd = lo; !r && fd <= hi && fd < NETPOLL_FD_MAX && netpoll_started(); fd++) {
		if (!ours((int)fd))
			continue;
		r = close_piece(g, s, at, fd - 1);
		at = fd + 1;
	}
	if (!r)
		r = close_piece(g, s, at, hi);
	tell(g, lo, hi, netpoll_closed);
	return r;
}
