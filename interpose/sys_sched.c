/* SPDX-License-Identifier: MIT */
/* Asking for the scheduling of a thread by its tid. The kernel does not know a G's; what it would
 * say of one is what it says of the M that asks, for nothing here sets them per G yet. */
#include "interpose/seam.h"

#include "sched/gtab.h"

static long ask(struct seam *s, int which)
{
	struct seam t = *s;

	if (t.arg[which] >= GTAB_TID_FIRST && gtab_find((int32_t)t.arg[which]))
		t.arg[which] = 0;
	return seam_raw(&t);
}

/* sched_getaffinity, sched_getparam, sched_getscheduler, sched_getattr */
long sys_sched_get(struct g *g, struct seam *s)
{
	(void)g;
	return ask(s, 0);
}

long sys_getpriority(struct g *g, struct seam *s)
{
	(void)g;
	return s->arg[0] == 0 ? ask(s, 1) : seam_raw(s); /* PRIO_PROCESS */
}
