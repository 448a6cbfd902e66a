/* SPDX-License-Identifier: MIT */
/* Back to one kernel thread. See retire.h. Rules of this file: those of proc.c. */
#include "sched/retire.h"

#include <errno.h>
#include <stddef.h>

#include "sched/base/raw.h"
#include "sched/gtab.h"
#include "sched/pin.h"
#include "sched/proc.h"
#include "sched/sysmon.h"

static bool first_idle_locked(void)
{
	for (const struct m *m = sched.idle_ms; m; m = m->link)
		if (m->id == 0)
			return true;
	return false;
}

/* The idle Ms but the first. False: the first is not idle yet. */
static bool retire_idle(void)
{
	struct m **at, *m, *list = NULL;
	bool first;

	lock_acquire(&sched.lock);
	for (at = &sched.idle_ms; (m = *at);) {
		if (m->id == 0) {
			at = &m->link;
			continue;
		}
		*at = m->link;
		sched.n_idle_ms--;
		m->ending = true;
		m->link = list;
		list = m;
	}
	first = first_idle_locked();
	lock_release(&sched.lock);
	while ((m = list)) {
		list = m->link; /* M may end, and put itself on another list, once it is woken */
		sched_m_wake(m);
	}
	return first;
}

/* Is there an M but SELF and the first that has not ended? Those on their way to the idle list get there. */
static bool others_live(const struct m *self)
{
	for (const struct m *m = sched.all_ms; m; m = m->all_link)
		if (m != self && m->id != 0 && (!m->gone || atomic_load(&m->tid)))
			return true;
	return false;
}

/* G's M ends when G has left it, and wakes the first M, which is the only one there, for what is queued. */
static void leave_to_first(struct g *g)
{
	struct m *m = g->m;

	m->ending = true;
	m->locked_g = g; /* it looks at no queue */
	sched_move(g);
}

/* The kernel tells by m->tid that a thread has left its stack. It counts it a little longer. */
static void wait_for_ends(const struct g *g)
{
	const int32_t pid = g->m->tid;

	for (const struct m *m = sched.all_ms; m; m = m->all_link)
		while (m->id != 0 && m->was_tid && raw3(SYS_tgkill, pid, m->was_tid, 0) != -ESRCH)
			raw0(SYS_sched_yield);
}

bool retire_others(struct g *g)
{
	const struct m *own = atomic_load(&g->own_m);

	if (!g->main || gtab_alive() != 1 || atomic_load(&sched_foreign) || (own && own->id != 0) ||
	    atomic_load(&g->shared_tid))
		return false;
	if (own && own != g->m)
		sched_move(g);
	sysmon_stop();
	pin_template_stop();
	for (;;) {
		bool first = retire_idle() || g->m->id == 0;

		if (first && !others_live(g->m)) {
			if (g->m->id == 0)
				break;
			leave_to_first(g);
			continue;
		}
		raw0(SYS_sched_yield);
	}
	wait_for_ends(g);
	/* What the first M has become, those to come inherit. */
	if (own)
		pin_undo(g);
	return true;
}
