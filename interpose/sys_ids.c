/* SPDX-License-Identifier: MIT */
/*
 * set*id and setgroups. To the kernel credentials are a thread's, to POSIX a process's: glibc sends
 * each thread a signal whose handler makes the call, and makes it itself last. Here the first of these
 * calls is made on every M at once, since all Gs pass over all Ms; the others are answered with
 * its result. To repeat them would not do: setreuid may exchange two ids.
 *
 * The bare calls, through syscall(2), mean the calling thread alone (sys_pin.c).
 */
#include "interpose/seam.h"

#include "sched/base/raw.h"
#include "sched/each_m.h"

static struct {
	struct lock lock;
	bool done; /* by the handlers of glibc's signal, whose sender's own call is still to come */
	struct seam call;
	long result;
} broadcast;

static void again(void *arg)
{
	seam_raw(arg);
}

static bool same(const struct seam *a, const struct seam *b)
{
	return a->nr == b->nr && a->arg[0] == b->arg[0] && a->arg[1] == b->arg[1] &&
	       a->arg[2] == b->arg[2];
}

long sys_set_ids(struct g *g, struct seam *s)
{
	bool asked = g && g->setxid_asked, answered;
	long r;

	if (g && s->resume - seam_syscall_lo < seam_syscall_hi - seam_syscall_lo)
		return seam_pinned(g, s);

	lock_acquire(&broadcast.lock);
	answered = broadcast.done && same(&broadcast.call, s);
	if (answered) {
		r = broadcast.result;
	} else {
		r = seam_raw(s);
		if (!raw_failed(r))
			each_m_call(g ? g->m : NULL, again, s);
		broadcast.call = *s;
		broadcast.result = r;
	}
	broadcast.done = asked;
	lock_release(&broadcast.lock);
	if (g)
		g->setxid_asked = false;
	return r;
}

void sys_ids_forked(void)
{
	atomic_store_explicit(&broadcast.lock.word, 0, memory_order_relaxed);
	broadcast.done = false;
}
