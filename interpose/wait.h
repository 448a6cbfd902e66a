/* SPDX-License-Identifier: MIT */
/* Is a call going to wait, and waiting for it on the netpoller. */
#ifndef GOTHREADS_WAIT_H
#define GOTHREADS_WAIT_H

#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/sched.h"

enum wait_end {
	END_DONE,   /* the result is there */
	END_READY,  /* make the call: it is not going to wait */
	END_AGAIN,  /* it may have become so: ask once more */
	END_BLOCK,  /* make the call and give the P away: the poller is of no use */
	END_SIGNAL, /* a signal can be delivered */
};

/*
 * What to do about the call in S, a copy, whose row is ROW (NULL: none): made at once where it has a form
 * that does not wait, *R its result, of a write perhaps a part; else, if the kernel says that it is going
 * to wait, G is parked until it need not, or the socket's own time limit has passed. What is known
 * of S's way so far is in WAY. END_READY and END_BLOCK are guesses: a wrong one costs time, never a
 * result.
 */
enum wait_end wait_for(struct g *g, struct seam *s, const struct row *row, struct seam_way *way, long *r);

/*
 * Park G until *FD may have one of EVENTS, or is not one that makes anybody wait, or DEADLINE has passed: then
 * make the call, which knows best. *FD changes as with netpoll_wait(). -EINTR: a handler has run that ends a
 * call, of which RESTART says whether it is restartable; else 0.
 */
long wait_for_fd(struct g *g, int *fd, short events, bool restart, int64_t deadline);

#endif
