/* SPDX-License-Identifier: MIT */
/* Pinned Gs. See pin.h. Rules of this file: those of proc.c. */
#include "sched/pin.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/each_m.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/signal.h"

/* ---- the template thread ------------------------------------------------------------------- */

enum { ASK_NONE, ASK_MADE, ASK_DONE, ASK_END };

static struct lock ask_lock; /* one asks at a time */
static struct m *template;
static _Atomic bool template_there;
static _Atomic uint32_t ask; /* futex word */
static struct m *ask_m;      /* the request, and its answer, by turns as ASK says */
static void (*ask_fn)(void *);
static long ask_result;

static void ask_wait(uint32_t while_it_is)
{
	while (atomic_load(&ask) == while_it_is)
		raw4(SYS_futex, &ask, FUTEX_WAIT_PRIVATE, while_it_is, NULL);
}

static void ask_set(uint32_t to)
{
	atomic_store(&ask, to);
	raw3(SYS_futex, &ask, FUTEX_WAKE_PRIVATE, 2);
}

static void template_loop(void *arg)
{
	sig_kicks_only(arg);
	for (;;) {
		uint32_t now = atomic_load(&ask);

		if (now == ASK_END)
			pin_end_m(arg);
		if (now != ASK_MADE) {
			ask_wait(now);
			continue;
		}
		ask_result = sched_clone_here(ask_m, ask_fn);
		ask_set(ASK_DONE);
	}
}

bool pin_has_template(void)
{
	return atomic_load(&template_there);
}

long pin_template_clone(struct m *m, void (*fn)(void *))
{
	long r;

	lock_acquire(&ask_lock);
	ask_m = m;
	ask_fn = fn;
	ask_set(ASK_MADE);
	ask_wait(ASK_MADE);
	r = ask_result;
	ask_set(ASK_NONE);
	lock_release(&ask_lock);
	return r;
}

/* Pre: the calling M is as all others. */
static int template_start(void)
{
	long r = 0;

	if (pin_has_template())
		return 0;
	lock_acquire(&ask_lock);
	if (!pin_has_template()) {
		atomic_store(&ask, ASK_NONE);
		if (!template)
			template = sched_m_new();
		r = template ? sched_clone_here(template, template_loop) : -ENOMEM;
		if (!raw_failed(r))
			atomic_store(&template_there, true);
	}
	lock_release(&ask_lock);
	return raw_failed(r) ? (int)r : 0;
}

void pin_template_stop(void)
{
	if (!pin_has_template())
		return;
	atomic_store(&template_there, false);
	template = NULL;
	ask_set(ASK_END);
}

/* ---- pinning ------------------------------------------------------------------------------- */

/* The M of a G that is dead: nobody may pin it any more, lest the M that it would get wait for ever,
 * or be told to end while a P is on its way to it. The kernel knows no such thread. */
static struct m nobody = {.tid = -1};

static void lock_to(struct m *m, struct g *g)
{
	atomic_store(&m->park, 0);
	m->locked_g = g;
}

static int pin_to_new(struct g *g)
{
	struct m *m, *none = NULL;
	int32_t tid = g->tid;
	long r;

	if (atomic_load(&g->own_m))
		return 0;
	r = template_start();
	if (r)
		return (int)r;
	m = sched_m_new();
	if (!m)
		return -ENOMEM;
	m->nextp = NULL;
	lock_to(m, g);
	r = pin_template_clone(m, sched_m_start);
	if (raw_failed(r)) {
		sched_m_drop(m);
		return (int)r;
	}
	/* By now it may be another that has G's place: then this M is that one's, and ends with it. */
	if (atomic_compare_exchange_strong(&g->own_m, &none, m))
		return g->tid == tid ? 0 : -ESRCH;
	/* Somebody else has pinned it meanwhile, or it is gone: this M is of no use. */
	m->ending = true;
	sched_m_wake(m);
	return none == &nobody ? -ESRCH : 0;
}

int pin_other(struct g *g)
{
	atomic_store(&g->own_state, true);
	return pin_to_new(g);
}

/* ON_FIRST: the main G may get the M of the process's first thread. */
static int pin_to_some(struct g *g, bool on_first)
{
	struct m *m = g->m;
	int r;

	if (!atomic_load(&g->own_m)) {
		r = template_start();
		if (r)
			return r;
		if (m->id != 0 || (g->main && on_first)) {
			struct m *none = NULL;

			lock_to(m, g);
			if (atomic_compare_exchange_strong(&g->own_m, &none, m))
				return 0;
			m->locked_g = NULL; /* another one was faster: go where it said */
		} else {
			r = pin_to_new(g);
			if (r)
				return r;
		}
	}
	if (atomic_load(&g->own_m) != g->m)
		sched_move(g);
	return 0;
}

int pin_self(struct g *g)
{
	atomic_store(&g->own_state, true);
	return pin_to_some(g, true);
}

int pin_for_clock(struct g *self, struct g *g)
{
	return g == self ? pin_to_some(g, true) : pin_to_new(g);
}

int32_t pin_shared_tid(struct g *g, bool on_first)
{
	int32_t tid = atomic_load_explicit(&g->shared_tid, memory_order_relaxed);
	int r;

	if (tid)
		return tid;
	r = pin_to_some(g, on_first);
	if (r)
		return r;
	raw2(SYS_set_robust_list, g->robust, g->robust_len);
	gtab_also(g, g->m->tid);
	return g->m->tid;
}

void pin_shared_ends(struct g *g)
{
	if (atomic_load_explicit(&g->shared_tid, memory_order_relaxed))
		raw2(SYS_set_robust_list, NULL, g->robust_len);
}

bool pin_alone(void)
{
	return sched.n_ms - sched.n_dead_ms == 1 && gtab_alive() == 1 && !atomic_load(&sched_foreign);
}

void pin_undo(struct g *g)
{
	g->m->locked_g = NULL;
	atomic_store(&g->own_m, NULL);
	atomic_store(&g->own_state, false);
	g->own_files = false;
}

int pin_child(struct g *self, struct g *child)
{
	struct m *m;
	long r;

	if (self->own_m != self->m)
		sched_move(self);
	m = sched_m_new();
	if (!m)
		return -EAGAIN;
	m->nextp = NULL;
	lock_to(m, child);
	atomic_store(&child->own_m, m);
	atomic_store(&child->own_state, true);
	child->own_files = self->own_files;
	r = sched_clone_here(m, sched_m_start);
	if (!raw_failed(r))
		return 0;
	atomic_store(&child->own_m, NULL);
	sched_m_drop(m);
	return (int)r;
}

int32_t pin_kernel_tid(struct g *self, const struct g *g)
{
	struct m *m = atomic_load(&g->own_m);

	if (m)
		return m == self->m ? 0 : m->tid;
	return atomic_load(&self->own_m) ? template->tid : 0;
}

struct g *pin_find(int32_t tid)
{
	for (uint32_t i = 0; i < gtab_top(); i++) {
		struct g *g = gtab_slot(i);
		const struct m *m = atomic_load(&g->own_m);

		if (m && m->tid == tid && gtab_living(g))
			return g;
	}
	return NULL;
}

bool pin_ending(int32_t tid)
{
	if (pin_find(tid))
		return false;
	for (const struct m *m = sched.all_ms; m; m = m->all_link)
		/* A thread that is none of ours may have got the number since. */
		if (m->tid == tid || (m->was_tid == tid && !atomic_load(&sched_foreign)))
			return true;
	return false;
}

/* ---- running ------------------------------------------------------------------------------- */

/* Until somebody sets m->park; signals are taken meanwhile. */
static void sleep_locked(struct m *m)
{
	while (atomic_load(&m->park) != 1) {
		uint32_t again = 2;

		atomic_compare_exchange_strong(&m->park, &again, 0);
		if (atomic_load(&m->attn) && sched_m_attend) {
			sched_m_attend(m);
			continue;
		}
		raw4(SYS_futex, &m->park, FUTEX_WAIT_PRIVATE, 0, NULL);
	}
	atomic_store(&m->park, 0);
}

void pin_wait(struct m *m)
{
	struct p *p = m->p;

	if (p) {
		m->p = NULL;
		sched_handoff_p(p);
	}
	sleep_locked(m);
	if (m->ending)
		return;
	p = m->nextp;
	m->nextp = NULL;
	sched_acquire_p(m, p);
}

void pin_resume(struct m *m, struct g *g)
{
	struct m *own = atomic_load(&g->own_m);
	struct p *p = m->p;

	m->p = NULL;
	own->nextp = p;
	sched_m_wake(own);
}

void pin_ended(struct g *g)
{
	struct m *own = atomic_exchange(&g->own_m, &nobody);

	if (!own || own == &nobody)
		return;
	own->ending = true;
	if (own != g->m)
		sched_m_wake(own); /* G never got there */
}

_Noreturn void pin_end_m(struct m *m)
{
	struct p *p = m->p;
	uint64_t all = ~0ull;

	m->locked_g = NULL;
	if (p) {
		m->p = NULL;
		sched_handoff_p(p);
	}
	/* The thread that is the process to all others outside stays, with nothing to do. */
	while (m->id == 0)
		sleep_locked(m);
	/* Who holds this lock may be waiting for us, so that signals stay open until we have it. */
	each_m_lock();
	m->gone = true;
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	each_m_unlock();
	if (sched_m_attend)
		sched_m_attend(m);
	m->was_tid = m->tid;
	sched_m_drop(m);
	/* The kernel clears m->tid when it has left the stack (CLONE_CHILD_CLEARTID). */
	for (;;)
		raw1(SYS_exit, 0);
}

void pin_forked(struct g *g, struct m *m)
{
	atomic_store(&ask_lock.word, 0);
	atomic_store(&ask, ASK_NONE);
	atomic_store(&template_there, false);
	template = NULL;
	m->id = 0;
	m->locked_g = NULL;
	m->resume = NULL;
	m->ending = false;
	atomic_store(&g->own_m, NULL);
	atomic_store(&g->own_state, false);
}
