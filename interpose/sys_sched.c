/* SPDX-License-Identifier: MIT */
/*
 * The scheduling of a thread, by its tid.
 *
 * Affinity is the scheduler's to follow (affinity.h). Policy, priority, niceness and I/O priority are
 * the kernel's alone: a G for which they are changed gets a kernel thread of its own, and it is
 * that thread that the kernel is asked about. Setting what is there already changes nothing: so do
 * attributes that a program spells out for each of its threads.
 */
#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>

#include "interpose/seam.h"
#include "sched/affinity.h"
#include "sched/base/raw.h"
#include "sched/gtab.h"
#include "sched/pin.h"

/* Whom argument N means: NULL if no G of ours, which is the kernel's to answer. */
static struct g *named(struct g *g, const struct seam *s, int n)
{
	return s->arg[n] ? gtab_find((int32_t)s->arg[n]) : g;
}

/* The call in S with the kernel's tid for TO in argument N. */
static long ask(struct g *g, struct seam *s, int n, const struct g *to)
{
	struct seam t = *s;

	if (to)
		t.arg[n] = pin_kernel_tid(g, to);
	return seam_raw(&t);
}

static long set(struct g *g, struct seam *s, int n, struct g *to)
{
	struct seam t = *s;
	int r;

	if (to == g) {
		t.arg[n] = 0;
		return seam_pinned(g, &t);
	}
	r = to ? pin_other(to) : 0;
	return r ? r : ask(g, s, n, to);
}

static bool has_priority(struct g *g, const struct g *to, const void *user)
{
	struct sched_param want, now;

	return arch_copy_user(&want, user, sizeof want) == 0 &&
	       raw2(SYS_sched_getparam, pin_kernel_tid(g, to), &now) == 0 &&
	       want.sched_priority == now.sched_priority;
}

/* sched_getparam, sched_getscheduler, sched_getattr, sched_rr_get_interval */
long sys_sched_get(struct g *g, struct seam *s)
{
	return ask(g, s, 0, named(g, s, 0));
}

long sys_sched_setscheduler(struct g *g, struct seam *s)
{
	struct g *to = named(g, s, 0);

	if (to && raw1(SYS_sched_getscheduler, pin_kernel_tid(g, to)) == (int)s->arg[1] &&
	    has_priority(g, to, (void *)s->arg[2]))
		return ask(g, s, 0, to);
	return set(g, s, 0, to);
}

long sys_sched_setparam(struct g *g, struct seam *s)
{
	struct g *to = named(g, s, 0);

	if (to && has_priority(g, to, (void *)s->arg[1]))
		return ask(g, s, 0, to);
	return set(g, s, 0, to);
}

long sys_sched_setattr(struct g *g, struct seam *s)
{
	return set(g, s, 0, named(g, s, 0));
}

long sys_getpriority(struct g *g, struct seam *s)
{
	return s->arg[0] == PRIO_PROCESS ? ask(g, s, 1, named(g, s, 1)) : seam_raw(s);
}

long sys_setpriority(struct g *g, struct seam *s)
{
	struct g *to = named(g, s, 1);

	if (s->arg[0] != PRIO_PROCESS)
		return seam_raw(s);
	/* The kernel counts from 40 down to 1 here. */
	if (to && raw2(SYS_getpriority, PRIO_PROCESS, pin_kernel_tid(g, to)) == 20 - (int)s->arg[2])
		return ask(g, s, 1, to);
	return set(g, s, 1, to);
}

long sys_ioprio_get(struct g *g, struct seam *s)
{
	return s->arg[0] == IOPRIO_WHO_PROCESS ? ask(g, s, 1, named(g, s, 1)) : seam_raw(s);
}

long sys_ioprio_set(struct g *g, struct seam *s)
{
	return s->arg[0] == IOPRIO_WHO_PROCESS ? set(g, s, 1, named(g, s, 1)) : seam_raw(s);
}

long sys_sched_setaffinity(struct g *g, struct seam *s)
{
	struct g *to = named(g, s, 0);

	if (!to)
		return seam_raw(s);
	return affinity_set(g, to, (void *)s->arg[2], (uint32_t)s->arg[1]);
}

long sys_sched_getaffinity(struct g *g, struct seam *s)
{
	struct g *to = named(g, s, 0);

	if (!to)
		return seam_raw(s);
	return affinity_get(g, to, (void *)s->arg[2], (uint32_t)s->arg[1]);
}
