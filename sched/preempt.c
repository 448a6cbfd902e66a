/* SPDX-License-Identifier: MIT */
/* Who gives way to whom. See preempt.h. Rules of this file: those of proc.c. */
#include "sched/preempt.h"

#include <stddef.h>

#include "sched/base/raw.h"
#include "sched/cputime.h"
#include "sched/proc.h"
#include "sched/signal.h"

enum {
	ASK_AGAIN = 10 * 1000 * 1000, /* ns: when one that was told to give way has not */
	DEBT_MAX = 8, /* slices */
	CREDIT_MAX = 2,
};

static struct lock notes_lock;
static bool cooperative; /* asyncpreemptoff */
static int64_t full_slice = SLICE_US * 1000, granule = GRANULE_US * 1000;

void preempt_init(bool async, uint32_t slice_us, uint32_t granule_us)
{
	cooperative = !async;
	full_slice = (slice_us ? slice_us : SLICE_US) * 1000ll;
	granule = (granule_us ? granule_us : GRANULE_US) * 1000ll;
}

int64_t preempt_full_slice(void)
{
	return full_slice;
}

int64_t preempt_granule(void)
{
	return granule;
}

void preempt_forked(void)
{
	atomic_store(&notes_lock.word, 0);
}

static uint32_t tick_of(const struct p *p)
{
	return atomic_load_explicit(&p->tick, memory_order_relaxed);
}

/* TICK began at WHEN, with M's clock at CPU. */
static void note_locked(struct p *p, uint32_t tick, int64_t when, int64_t cpu)
{
	atomic_store_explicit(&p->seen_when, when, memory_order_relaxed);
	atomic_store_explicit(&p->seen_tick, tick, memory_order_release);
	p->seen_cpu = cpu;
}

static int32_t bounded(int64_t ns)
{
	return (int32_t)(ns > DEBT_MAX * full_slice ? DEBT_MAX * full_slice : ns);
}

static void give_way_locked(struct p *p, struct m *m, int64_t now, int64_t cpu, int64_t used, bool left)
{
	uint32_t tick = p->seen_tick;

	atomic_store_explicit(&p->slice_left, left, memory_order_relaxed);
	/* Told before, in vain. */
	if (p->urged == tick)
		used += atomic_load_explicit(&p->charge, memory_order_relaxed);
	atomic_store_explicit(&p->charge, bounded(used), memory_order_relaxed);
	p->urged = tick;
	p->urged_when = now;
	/* What comes next begins about now. */
	note_locked(p, tick + 1, now, cpu);
	/* At its next call, or at once. */
	if (cooperative) {
		atomic_fetch_or(&m->attn, ATTN_PREEMPT);
		return;
	}
	atomic_fetch_add_explicit(&sched.n_preempts, 1, memory_order_relaxed);
	sig_kick(m, true);
}

/* Has P been told to give way, and not done so yet? */
static bool urged_locked(const struct p *p, int64_t now)
{
	return p->urged == tick_of(p) && now - p->urged_when < ASK_AGAIN;
}

/* The P whose G has computed longest since it was first looked at, at least a granule. One whose M has a CPU right now,
 * which shows in its clock, goes before those that wait for one: they would hear of it only then. */
static struct p *longest_locked(int64_t now, int64_t *cpu)
{
	struct p *best = NULL;
	bool best_on = false;

	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++) {
		struct p *p = &sched.ps[i];
		struct m *m = p->m;
		int64_t clock;
		bool on;

		if (atomic_load(&p->status) != P_RUNNING || !m || atomic_load(&m->in_sched) ||
		    urged_locked(p, now))
			continue;
		if (tick_of(p) != p->seen_tick) {
			note_locked(p, tick_of(p), now, cputime_of_thread(m->tid));
			continue;
		}
		if (now - p->seen_when < granule)
			continue;
		clock = cputime_of_thread(m->tid);
		if (p->seen_cpu < 0 || clock - p->seen_cpu < granule / 2)
			continue;
		on = cputime_of_thread(m->tid) != clock;
		if (best && (on == best_on ? p->seen_when >= best->seen_when : best_on))
			continue;
		best = p;
		best_on = on;
		*cpu = clock;
	}
	return best;
}

bool preempt_for_woken(int64_t now)
{
	int64_t owed = atomic_load(&sched.n_woken), cpu = 0;
	struct p *p;

	if (!owed)
		return false;
	lock_acquire(&notes_lock);
	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++)
		owed -= urged_locked(&sched.ps[i], now);
	for (; owed > 0 && (p = longest_locked(now, &cpu)); owed--) {
		struct m *m = p->m;

		if (!m)
			break;
		give_way_locked(p, m, now, cpu, cpu - p->seen_cpu, true);
	}
	lock_release(&notes_lock);
	return owed > 0;
}

bool preempt_note(struct p *p, struct m *m, int64_t now, int64_t *cpu, int64_t *since, int64_t *used)
{
	uint32_t tick = tick_of(p);
	bool known;

	*cpu = cputime_of_thread(m->tid);
	lock_acquire(&notes_lock);
	known = tick == p->seen_tick;
	/* Told to give way: what comes next has been noted. */
	if (!known && urged_locked(p, now))
		;
	else if (!known)
		note_locked(p, tick, now, *cpu);
	else if (p->seen_cpu < 0)
		p->seen_cpu = *cpu;
	*since = p->seen_when;
	*used = *cpu - p->seen_cpu;
	lock_release(&notes_lock);
	return known;
}

void preempt_end_slice(struct p *p, struct m *m, int64_t now, int64_t cpu, int64_t used, bool early)
{
	lock_acquire(&notes_lock);
	if (tick_of(p) == p->seen_tick && !urged_locked(p, now))
		give_way_locked(p, m, now, cpu, used, early);
	lock_release(&notes_lock);
}

int64_t preempt_slice(const struct g *g)
{
	return g && g->hog && g->credit > 0 ? g->credit : full_slice;
}

bool preempt_ran_long(struct p *p)
{
	return atomic_load_explicit(&p->seen_tick, memory_order_acquire) == tick_of(p) &&
	       raw_now() - atomic_load_explicit(&p->seen_when, memory_order_relaxed) >= granule;
}

bool preempt_settle(struct p *p, struct g *g)
{
	int32_t charge = atomic_exchange_explicit(&p->charge, 0, memory_order_relaxed);
	bool left = atomic_exchange_explicit(&p->slice_left, false, memory_order_relaxed);
	int64_t credit = (g->hog ? g->credit : full_slice) - charge;
	bool done = !left || credit < granule;

	if (done)
		credit += full_slice;
	if (credit < -DEBT_MAX * full_slice)
		credit = -DEBT_MAX * full_slice;
	if (credit > CREDIT_MAX * full_slice)
		credit = CREDIT_MAX * full_slice;
	g->hog = true;
	g->credit = (int32_t)credit;
	return done;
}
