/* SPDX-License-Identifier: MIT */
/* Reports of the scheduler's state in Go's format. See trace.h. */
#include "sched/trace.h"

#include "sched/dump.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/sysmon.h"

static int64_t period; /* ns, 0: off */
static bool detailed;
static int64_t first, due; /* CLOCK_MONOTONIC ns, 0: none yet */

void trace_init(int64_t ns, bool detail)
{
	period = ns;
	detailed = detail;
}

void trace_forked(void)
{
	first = due = 0;
}

int64_t trace_due(void)
{
	return period ? due : INT64_MAX;
}

/* Go's numbers: 0 idle, 1 runnable, 2 running, 3 in a call, 4 waiting, 6 dead. */
static unsigned go_status(enum g_status s)
{
	return s == G_DEAD ? 6 : s;
}

static const char *yes(bool b)
{
	return b ? "true" : "false";
}

static void report_p(struct out *o, struct p *p)
{
	const struct m *m = p->m;

	out_add(o,
		"  P%u: status=%u schedtick=%u syscalltick=%u m=%d runqsize=%u gfreecnt=%u timerslen=%u\n",
		p->id, atomic_load(&p->status), atomic_load(&p->tick),
		atomic_load(&p->syscall_tick), m ? (int)m->id : -1, runq_len(&p->runq), p->n_free,
		p->timers.n);
}

static void report_m(struct out *o, const struct m *m, bool idle)
{
	const struct p *p = m->p;
	const struct g *g = atomic_load(&m->curg);

	out_add(o,
		"  M%u: p=%d curg=%d mallocing=0 throwing=0 preemptoff= locks=%u dying=0 "
		"spinning=%s blocked=%s lockedg=%d\n",
		m->id, p ? (int)p->id : -1, g ? g->tid : -1, atomic_load(&m->in_sched),
		yes(m->spinning), yes(idle), m->locked_g ? m->locked_g->tid : -1);
}

static void report_g(struct out *o, struct g *g)
{
	enum g_status s = atomic_load(&g->status);
	const struct m *m = s == G_RUNNING || s == G_SYSCALL ? g->m : NULL;
	const struct m *own = atomic_load(&g->own_m);

	if (s == G_FREE)
		return;
	out_add(o, "  G%d: status=%u(%s) m=%d lockedm=%d\n", g->tid, go_status(s),
		dump_wait_reason(g), m ? (int)m->id : -1, own ? (int)own->id : -1);
}

void trace_report(struct out *o, int64_t since, bool detail)
{
	const struct m *watcher = sysmon_machine();

	out_add(o,
		"SCHED %ldms: gomaxprocs=%u idleprocs=%u threads=%u spinningthreads=%u "
		"idlethreads=%u runqueue=%u",
		(long)(since / 1000000), sched.n_procs, atomic_load(&sched.n_idle_ps),
		sched.n_ms - sched.n_dead_ms,
		atomic_load(&sched.n_spinning), sched.n_idle_ms, atomic_load(&sched.n_global));
	if (!detail) {
		const char *before = " [";

		for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++) {
			if (atomic_load(&sched.ps[i].status) == P_STOPPED)
				continue;
			out_add(o, "%s%u", before, runq_len(&sched.ps[i].runq));
			before = " ";
		}
		out_add(o, "]\n");
		return;
	}
	out_add(o, " gcwaiting=0 nmidlelocked=0 stopwait=0 sysmonwait=%u preempts=%u\n",
		atomic_load(&sched.watcher_asleep), atomic_load(&sched.n_preempts));
	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++)
		report_p(o, &sched.ps[i]);
	for (const struct m *m = sched.all_ms; m; m = m->all_link)
		if (!m->gone && m != watcher)
			report_m(o, m, !m->p && !atomic_load(&m->curg));
	if (watcher)
		report_m(o, watcher, false);
	for (uint32_t i = 0; i < gtab_top(); i++)
		report_g(o, gtab_slot(i));
}

void trace_tick(int64_t now)
{
	struct out o;

	if (!period || now < due)
		return;
	if (!first)
		first = now;
	due = now + period;
	out_init(&o, 2, 0);
	trace_report(&o, now - first, detailed);
	out_flush(&o);
}
