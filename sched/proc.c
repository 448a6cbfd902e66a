/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: which G runs on which M, by the right of which P.
 *
 * The problem. Gs become runnable on one M while another is about to sleep; waking too few Ms
 * leaves processors idle with work waiting, waking too many wastes them, and a wake-up costs a
 * microsecond. As in the Go runtime (src/runtime/proc.go, "Worker thread parking/unparking"):
 *
 *  - Whoever makes a G runnable wakes one more M, only if there is an idle P and no M is spinning
 *    (looking for work). The spinning M, when it finds work, wakes the next one: so all get up, one
 *    after the other, without a storm.
 *  - An M that is about to sleep gives up its P, then stops spinning, and only then looks at all
 *    queues once more.
 *
 * The tricky race is between that last look and a G that is submitted at that moment. Submitter:
 * queue the G; full barrier; read n_spinning. Sleeper: decrement n_spinning; full barrier; read the
 * queues. One of the two sees the other (store buffering, both barriers seq_cst; the partners are
 * marked B1). If it is the sleeper, it takes a P again; if the submitter, it wakes an M.
 *
 * A third thing to avoid is to tear apart two Gs that wake each other in turns. The woken one is next to
 * run on its waker's P, which is about to park and comes to it at once; on another M it would run a
 * wake-up later. So a thief leaves the next G alone until it has stood there for some microseconds
 * without a decision of its P (next_stands()). And a G to which its waker's P has come so promptly many
 * times in a row wakes nobody when it is that P's lone next again (spare_wake()), until it once takes
 * longer: nothing is lost, for its P comes to it, and should the waker compute instead, sysmon
 * sees it. Any other work, in the ring or the global queue, wakes as ever. For the same reason the last look
 * of a sleeper ignores a next G whose P has decided something since the sleeper's last look at it.
 *
 * The other rule concerns stacks: a parked G may be woken, and taken by another M, before it has
 * left its stack. The taker waits for g->on_cpu to fall (acquire), which the code that comes next
 * on the first M clears (release, B2) in finish_switch(): the first thing that runs after every
 * arch_switch(). What may happen only then (the end of a G) is done there too.
 *
 * Rules of this file: raw system calls only; never called by a signal handler.
 */
#include "sched/proc.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>

#include "sched/affinity.h"
#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/cputime.h"
#include "sched/each_m.h"
#include "sched/follow.h"
#include "sched/gtab.h"
#include "sched/netpoll.h"
#include "sched/pin.h"
#include "sched/preempt.h"
#include "sched/procs.h"
#include "sched/runq.h"
#include "sched/signal.h"
#include "sched/timer.h"

__thread struct g *self_g;
static __thread struct m *g0_of; /* on g0: of this M; NULL elsewhere */
struct sched sched;
int (*raw_vdso_clock_gettime)(clockid_t, struct timespec *);
void (*sched_exit_wake)(int32_t *clear_tid);
struct g *(*sched_exit_joiner)(int32_t *clear_tid);
void (*sched_m_started)(struct m *m);
_Atomic uint32_t sched_foreign;
void (*sched_m_attend)(struct m *m);

enum {
	G0_STACK = 64 << 10,
	SIG_STACK = 32 << 10,
	GLOBAL_EVERY = 61, /* decisions between looks at the global queue first (Go's number), for those
			    * there that do not compute long */
	STEAL_TRIES = 4,
	/* arch_cycles(), which are 2 to 4 a ns */
	NEXT_STANDS = 8192,	  /* a G that is next to run for so long may be taken away */
	WAKE_TAKES = 1 << 16,	  /* to wake an M, at most */
	TALK_ROUNDS = 8,	  /* looks at it before the thief gives up */
	PROMPT_MANY = 16,	  /* prompt turns of a G in a row before its wakes are spared */
	PROMPT_TIMED = 8,	  /* of those, one in so many is timed */
	PROMPT_TAKES = 1 << 14,	  /* and may take that long */
	BRIEF_MANY = 16,	  /* times in a row that a keeper was soon back before it is replaced no more */
	BRIEF_TAKES = 1 << 17,	  /* which is soon */
	ALONE_MANY = 16,	  /* times in a row that a G was all that an M slept for */
	ALONE_TAKES = 1 << 20,	  /* and how long it may wait in the kernel to count as that still */
};

static void m_loop(struct m *m);
static void enqueue(struct p *p, struct g *g, bool next);

/* ---- lists under sched.lock --------------------------------------------------------------- */

/* P is given back: it is idle, or one too many. */
static void pidle_put_locked(struct p *p)
{
	p->m = NULL;
	if (sched.too_many) {
		atomic_store_explicit(&p->status, P_STOPPED, memory_order_relaxed);
		atomic_fetch_sub(&sched.n_procs, 1);
		atomic_store(&sched.too_many, sched.n_procs > sched.wanted);
		return;
	}
	atomic_store_explicit(&p->status, P_IDLE, memory_order_relaxed);
	p->link = sched.idle_ps;
	sched.idle_ps = p;
	atomic_fetch_add(&sched.n_idle_ps, 1);
}

static struct p *pidle_get_locked(void)
{
	struct p *p = sched.idle_ps;

	if (p) {
		sched.idle_ps = p->link;
		atomic_fetch_sub(&sched.n_idle_ps, 1);
	}
	return p;
}

/* The watcher sleeps while all Ps are idle; one is not any more. Partner: sysmon's loop (B4). */
static void wake_watcher(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&sched.watcher_asleep) && atomic_exchange(&sched.watcher_asleep, 0)) {
		atomic_store_explicit(&sched.coarse_now, raw_now(), memory_order_relaxed);
		raw3(SYS_futex, &sched.watcher_asleep, FUTEX_WAKE_PRIVATE, 1);
	}
}

void sched_watch_by(int64_t when)
{
	/* B8: what WHEN is about was written before; sleep_busy() writes look_at, then looks at that. */
	atomic_thread_fence(memory_order_seq_cst);
	if (when >= atomic_load(&sched.look_at) || !atomic_exchange(&sched.look_at, 0))
		return;
	atomic_store(&sched.look_now, 1);
	if (atomic_load(&sched.look_polls))
		netpoll_break();
	else
		raw3(SYS_futex, &sched.look_now, FUTEX_WAKE_PRIVATE, 1);
}

/* G begins to wait: for reports only. */
static inline void note_wait(struct g *g)
{
	g->wait_since = atomic_load_explicit(&sched.coarse_now, memory_order_relaxed);
}

void sched_acquire_p(struct m *m, struct p *p)
{
	m->p = p;
	p->m = m;
	atomic_store_explicit(&p->status, P_RUNNING, memory_order_release);
	wake_watcher();
}

static void count_global_locked(void)
{
	atomic_store(&sched.n_woken, sched.wokenq.n);
	atomic_store(&sched.n_global, sched.globq.n + sched.wokenq.n);
}

static void globq_put(struct g *g)
{
	lock_acquire(&sched.lock);
	gqueue_push(&sched.globq, g);
	count_global_locked();
	lock_release(&sched.lock);
}

/* Before all others of the global queue. */
static void globq_put_first(struct g *g)
{
	lock_acquire(&sched.lock);
	gqueue_push_front(&sched.globq, g);
	count_global_locked();
	lock_release(&sched.lock);
}

/* The first of the global queue, hogs excepted unless HOGS. One that has had more than its share lets the
 * others go first, until its slices have made up for it. */
static struct g *globq_pop_locked(bool hogs)
{
	struct g *g;

	while ((g = sched.globq.head) && (hogs || !g->hog)) {
		gqueue_pop(&sched.globq);
		if (!g->hog || g->credit > 0 || !sched.globq.n)
			return g;
		g->credit += (int32_t)preempt_full_slice();
		gqueue_push(&sched.globq, g);
	}
	return NULL;
}

/* One G to run now, and up to MAX with it: a fair share of the rest into P's ring, up to the first hog. Hogs
 * are taken one at a time, so that they go round on all Ps. */
static struct g *globq_get(struct p *p, uint32_t max, bool hogs)
{
	struct g *first;
	uint32_t n;

	if (atomic_load_explicit(&sched.n_global, memory_order_relaxed) == 0)
		return NULL;
	lock_acquire(&sched.lock);
	first = globq_pop_locked(hogs);
	if (first && first->hog) {
		atomic_store_explicit(&p->global_tick, p->tick + 1, memory_order_relaxed);
		atomic_store_explicit(&p->global_left, raw_now(), memory_order_relaxed);
		atomic_store_explicit(&p->global_due, false, memory_order_relaxed);
	} else if (!first) {
		first = gqueue_pop(&sched.wokenq);
	}
	n = sched.globq.n / sched.n_procs;
	if (n > max - 1)
		n = max - 1;
	for (struct g *g; n && runq_len(&p->runq) < RUNQ_SIZE / 2 && (g = globq_pop_locked(false)); n--)
		runq_put(&p->runq, g, false);
	count_global_locked();
	lock_release(&sched.lock);
	return first;
}

static struct g *woken_get(void)
{
	struct g *g;

	lock_acquire(&sched.lock);
	g = gqueue_pop(&sched.wokenq);
	count_global_locked();
	lock_release(&sched.lock);
	return g;
}

void sched_ready_woken_all(struct gqueue *q)
{
	if (!q->head)
		return;
	lock_acquire(&sched.lock);
	for (struct g *g; (g = gqueue_pop(q));) {
		atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
		gqueue_push(&sched.wokenq, g);
	}
	count_global_locked();
	lock_release(&sched.lock);
	sched_wake_p();
}

void sched_ready_woken(struct g *g)
{
	struct gqueue q = {0};

	gqueue_push(&q, g);
	sched_ready_woken_all(&q);
}

/* No P is idle for those in the queue of the woken: somebody gives way, or sysmon sees to it. */
static void see_to_woken(void)
{
	int64_t now;

	if (!atomic_load_explicit(&sched.n_woken, memory_order_relaxed) || atomic_load(&sched.n_idle_ps))
		return;
	now = raw_now();
	if (preempt_for_woken(now))
		sched_watch_by(now + preempt_granule());
}

/* ---- Ms ------------------------------------------------------------------------------------ */

/* The memory of an M whose kernel thread is gone. */
static struct m *m_reuse(void)
{
	struct m **at, *m = NULL;

	lock_acquire(&sched.lock);
	for (at = &sched.dead_ms; *at; at = &(*at)->link)
		if (atomic_load(&(*at)->tid) == 0)
			break;
	if (*at) {
		m = *at;
		*at = m->link;
		sched.n_dead_ms--;
	}
	lock_release(&sched.lock);
	if (m) {
		atomic_store(&m->attn, 0);
		atomic_store(&m->cpu_mark, CPUTIME_UNKNOWN);
		atomic_store(&m->park, 0);
		m->ending = m->gone = m->spinning = m->kicks_only = false;
		atomic_store(&m->kernel_mask, 0);
		m->nextp = NULL;
		m->prev = NULL;
	}
	return m;
}

void sched_m_drop(struct m *m)
{
	m->locked_g = NULL;
	lock_acquire(&sched.lock);
	m->link = sched.dead_ms;
	sched.dead_ms = m;
	sched.n_dead_ms++;
	m->gone = true;
	lock_release(&sched.lock);
}

struct m *sched_m_new(void)
{
	size_t below = mem_round(sched.tls_below, 64), tls = below + MEM_PAGE;
	size_t size = sizeof(struct m) + 64;
	struct m *m = m_reuse();
	char *at;
	void **tp;

	if (m)
		return m;
	m = mem_pages(mem_round(size, MEM_PAGE) + tls + G0_STACK + SIG_STACK);
	if (!m)
		return NULL;
	at = (char *)m + mem_round(size, MEM_PAGE);
	/* The zeroed block that FS points to on g0: there self_g is NULL. */
	tp = (void **)(at + below);
	tp[0] = tp;
	tp[2] = tp;
	*(struct m **)((uintptr_t)tp + ((uintptr_t)&g0_of - arch_get_fs())) = m;
	m->g0.ctx.fs = (uintptr_t)tp;
	m->g0.m = m;
	m->stack = at + tls;
	m->stack_size = G0_STACK;
	m->sigstack = m->stack + G0_STACK;
	m->sigstack_size = SIG_STACK;
	lock_acquire(&sched.lock);
	m->id = sched.n_ms++;
	m->all_link = sched.all_ms;
	sched.all_ms = m;
	lock_release(&sched.lock);
	return m;
}

void sched_m_start(void *arg)
{
	struct m *m = arg;

	affinity_m_started(m);
	if (sched_m_started)
		sched_m_started(m);
	atomic_store_explicit(&m->in_sched, 1, memory_order_relaxed); /* before sysmon sees us with a P */
	/* An M that is made for a pinned G is given its P in pin_wait(). */
	if (!m->locked_g) {
		sched_acquire_p(m, m->nextp);
		m->nextp = NULL;
	}
	m_loop(m);
}

long sched_clone_here(struct m *m, void (*fn)(void *))
{
	const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
				    CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
				    CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
				    CLONE_CHILD_CLEARTID;

	uint64_t all = ~0ull, mask;
	long r;

	/* It opens itself to signals when it is known and can take them (sched_m_started). */
	each_m_lock();
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
	r = arch_clone_m(flags, m->stack + m->stack_size, fn, m, (void *)m->g0.ctx.fs,
			 (int32_t *)&m->tid);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	each_m_unlock();
	return r;
}

/* M's park word has changed: get M to look at it. */
static void m_rouse(struct m *m)
{
	/* B7: M announces that it is going to poll, then looks at the word; we did the reverse. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&m->polling))
		netpoll_break();
	else
		raw3(SYS_futex, &m->park, FUTEX_WAKE_PRIVATE, 1);
}

/* To M, which sleeps without a P: look around again. From a handler too. */
void sched_nudge(struct m *m)
{
	uint32_t asleep = 0;

	if (atomic_compare_exchange_strong(&m->park, &asleep, 2))
		m_rouse(m);
}

long sched_clone_m(struct m *m, void (*fn)(void *))
{
	return pin_has_template() ? pin_template_clone(m, fn) : sched_clone_here(m, fn);
}

void sched_m_wake(struct m *m)
{
	atomic_store(&m->park, 1);
	m_rouse(m);
}

/* Run P on some M; P is nobody's. SPINNING: the caller has counted a spinning M for it. */
static void start_m(struct p *p, bool spinning)
{
	struct m *m;

	lock_acquire(&sched.lock);
	if (!p) {
		p = pidle_get_locked();
		if (!p) {
			sched.need_spinning = true;
			lock_release(&sched.lock);
			if (spinning)
				atomic_fetch_sub(&sched.n_spinning, 1);
			return;
		}
	}
	m = sched.idle_ms;
	if (m) {
		sched.idle_ms = m->link;
		sched.n_idle_ms--;
	}
	lock_release(&sched.lock);
	if (m) {
		m->nextp = p;
		m->spinning = spinning;
		sched_m_wake(m);
		return;
	}
	m = sched_m_new();
	if (m) {
		m->nextp = p;
		m->spinning = spinning;
		if (!raw_failed(sched_clone_m(m, sched_m_start))) {
			atomic_store(&sched.short_of_ms, false);
			return;
		}
		sched_m_drop(m);
	}
	/* No more kernel threads: the work stays queued, and whoever has a P will come to it. If all Ms are
	 * in calls, sysmon brings one out of its. */
	atomic_store(&sched.short_of_ms, true);
	if (spinning)
		atomic_fetch_sub(&sched.n_spinning, 1);
	lock_acquire(&sched.lock);
	pidle_put_locked(p);
	lock_release(&sched.lock);
}

/* The G was queued, and what did that has the order of B1. */
static void wake_p_ordered(void)
{
	uint32_t none = 0;

	if (atomic_load(&sched.n_idle_ps) == 0 || atomic_load(&sched.n_spinning) != 0)
		return;
	if (atomic_compare_exchange_strong(&sched.n_spinning, &none, 1))
		start_m(NULL, true);
}

void sched_wake_p(void)
{
	atomic_thread_fence(memory_order_seq_cst); /* B1: the G was queued before */
	wake_p_ordered();
}

/* G has become the lone next of P, which has come to it promptly so often that nobody need be woken. */
static bool spare_wake(struct p *p, struct g *g)
{
	g->lone = true;
	if (g->prompt < PROMPT_MANY)
		return false;
	g->lone_since = g->prompt % PROMPT_TIMED == 0 ? arch_cycles() : 0;
	p->spared = true;
	if (!atomic_load_explicit(&sched.sparing, memory_order_relaxed))
		atomic_store_explicit(&sched.sparing, true, memory_order_relaxed);
	return true;
}

/* The P whose next G was comes to it. */
static inline void note_prompt(struct g *g)
{
	if (!g->lone)
		return;
	g->lone = false;
	if (g->prompt < PROMPT_MANY)
		g->prompt++;
	else if (g->lone_since && arch_cycles() - g->lone_since > PROMPT_TAKES)
		g->prompt = 0;
	else
		g->prompt = g->prompt + 1 < 2 * PROMPT_MANY ? g->prompt + 1 : PROMPT_MANY;
}

int64_t sched_timers_next(void)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++) {
		int64_t t = timer_next(&sched.ps[i]);

		if (t < next)
			next = t;
	}
	return next;
}

/* Is there anything to run anywhere? What TALKER has next does not count if it has decided something since
 * its tick was TICK. */
static bool work_anywhere(const struct p *talker, uint32_t tick)
{
	if (atomic_load(&sched.n_global))
		return true;
	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++) {
		const struct p *p = &sched.ps[i];

		if (!runq_empty(&p->runq) &&
		    (p != talker || !runq_ring_empty(&p->runq) || atomic_load(&p->tick) == tick))
			return true;
	}
	return sched_timers_next() <= raw_now();
}

/* Does anybody have to sleep until the next deadline, or for a descriptor? */
static bool keeper_needed(void)
{
	return sched_timers_next() != INT64_MAX || netpoll_waiters();
}

/* P has lost its M: to another one if there is work, else to the idle list. */
void sched_handoff_p(struct p *p)
{
	netpoll_arm_lazy(p);
	if (!runq_empty(&p->runq) || atomic_load(&sched.n_global) != 0) {
		start_m(p, false);
		return;
	}
	lock_acquire(&sched.lock);
	if (sched.n_global) {
		lock_release(&sched.lock);
		start_m(p, false);
		return;
	}
	pidle_put_locked(p);
	lock_release(&sched.lock);
	/* B1: who queued a G just before saw no idle P and woke nobody. */
	atomic_thread_fence(memory_order_seq_cst);
	if (work_anywhere(NULL, 0))
		sched_wake_p();
	/* Nobody sleeps until the next deadline: let an M find that it has nothing else to do. */
	else if (keeper_needed() && !atomic_load(&sched.timer_m))
		sched_wake_p();
}

/* A deadline was added: does the M that sleeps until the earliest one have to get up before? */
void sched_timer_earlier(int64_t when)
{
	struct m *m;

	atomic_thread_fence(memory_order_seq_cst); /* B3: with m_sleep() */
	m = atomic_load(&sched.timer_m);
	if (m && when < atomic_load(&sched.timer_when))
		sched_nudge(m);
}

void sched_poller_started(void)
{
	struct m *m = atomic_load(&sched.timer_m);

	if (m)
		sched_nudge(m);
}

void sched_ready_all(struct gqueue *q)
{
	for (struct g *g; (g = gqueue_pop(q));)
		sched_ready(g);
}

/* M is about to sleep: was it up for a short time, with the lone G for which it got up as the keeper? */
static void note_brief(struct m *m)
{
	if (!m->kept)
		return;
	if (arch_cycles() - m->kept > BRIEF_TAKES)
		m->brief = 0;
	else if (m->brief < BRIEF_MANY)
		m->brief++;
	m->kept = 0;
}

/* M, the keeper, gets up for N Gs. Most likely it is back before another would be in its place? If it is not, sysmon
 * looks who is ready meanwhile. */
static bool spare_keeper(struct m *m, uint32_t n)
{
	if (n != 1)
		return false;
	m->kept = arch_cycles();
	if (m->brief < BRIEF_MANY)
		return false;
	if (!atomic_load_explicit(&sched.sparing, memory_order_relaxed))
		atomic_store_explicit(&sched.sparing, true, memory_order_relaxed);
	return true;
}

/* Idle Ms sleep without a limit but for the keeper, which is about to work: another takes its place. With
 * none idle it is sysmon that looks. */
static void next_keeper(void)
{
	lock_acquire(&sched.lock);
	if (sched.idle_ms)
		sched_nudge(sched.idle_ms);
	lock_release(&sched.lock);
}

/* M, the keeper, whose reason to sleep has ended: an idle P, with which M leaves the idle list; NULL if
 * there is none, or one is on its way. */
static struct p *keeper_takes_p(struct m *m)
{
	struct p *p = NULL;
	struct m **at;

	lock_acquire(&sched.lock);
	for (at = &sched.idle_ms; *at && *at != m;)
		at = &(*at)->link;
	if (*at && (p = pidle_get_locked())) {
		*at = m->link;
		sched.n_idle_ms--;
	}
	lock_release(&sched.lock);
	return p;
}

/* The keeper sleeps until NEXT, for a descriptor that becomes ready, or until it is roused. True: a
 * deadline has passed, or READY holds Gs. */
static bool keeper_sleep(struct m *m, int64_t next, struct gqueue *ready)
{
	struct timespec ts, *timeout = NULL;
	int64_t left = -1;
	long r;

	if (!netpoll_started()) {
		if (next != INT64_MAX) {
			ts = (struct timespec){next / 1000000000, next % 1000000000};
			timeout = &ts;
		}
		r = raw6(SYS_futex, (long)&m->park, FUTEX_WAIT_BITSET_PRIVATE, 0, (long)timeout, 0,
			 FUTEX_BITSET_MATCH_ANY);
		return r == -ETIMEDOUT;
	}
	if (next != INT64_MAX) {
		left = next - raw_now();
		if (left < 0)
			left = 0;
	}
	atomic_store(&m->polling, true);
	atomic_thread_fence(memory_order_seq_cst); /* B7, with m_rouse() */
	if (atomic_load(&m->park) == 0)
		netpoll_poll(left, ready);
	atomic_store(&m->polling, false);
	return ready->n || (next != INT64_MAX && next <= raw_now());
}

static void run_timers(struct p *p);

/* The keeper has got up for a deadline, on whichever P is idle. To leave the timers of other Ps to a thief is not
 * enough: those who may steal may all wait for this CPU. */
static void run_all_timers(void)
{
	int64_t now = raw_now();

	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++)
		if (timer_next(&sched.ps[i]) <= now)
			run_timers(&sched.ps[i]);
}

/* M has no P: sleep until somebody hands one over, or the keeper finds something to do and a P idle. It comes back
 * without if it is to end. */
static void m_sleep(struct m *m)
{
	struct gqueue ready = {0};
	bool keeper = false, due = false;

	note_brief(m);
	lock_acquire(&sched.lock);
	atomic_store(&m->park, 0);
	m->link = sched.idle_ms;
	sched.idle_ms = m;
	sched.n_idle_ms++;
	if (atomic_load(&sched.short_of_ms))
		atomic_store(&sched.short_of_ms, false);
	lock_release(&sched.lock);
	/* Its G may have come back from a call, and found no P. */
	see_to_woken();
	while (atomic_load(&m->park) != 1) {
		struct m *nobody = NULL;
		uint32_t again = 2;
		int64_t next;
		struct p *p;

		/* First the nudge of next_keeper() is taken, then its reason looked at. */
		atomic_compare_exchange_strong(&m->park, &again, 0);
		if (!keeper)
			keeper = atomic_compare_exchange_strong(&sched.timer_m, &nobody, m);
		/* A handler on this M sets attn, then park to 2, so this look or the futex call sees it. */
		if (atomic_load(&m->attn) && sched_m_attend) {
			sched_m_attend(m);
			continue;
		}
		if (!keeper) {
			raw6(SYS_futex, (long)&m->park, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
			continue;
		}
		atomic_store(&sched.timer_when, INT64_MAX);
		atomic_thread_fence(memory_order_seq_cst); /* B3 */
		next = sched_timers_next();
		atomic_store(&sched.timer_when, next);
		atomic_thread_fence(memory_order_seq_cst);
		if (sched_timers_next() < next)
			continue;
		if (!keeper_sleep(m, next, &ready))
			continue;
		p = keeper_takes_p(m);
		if (p) {
			m->nextp = p;
			m->spinning = false;
			due = true;
			break;
		}
		/* All Ps are busy: some G has to give way. */
		sched_ready_woken_all(&ready);
		sched_fire_all(raw_now());
		while (preempt_for_woken(raw_now()) && atomic_load(&m->park) == 0) {
			struct timespec ts = {0, preempt_granule() / 2};

			raw4(SYS_futex, &m->park, FUTEX_WAIT_PRIVATE, 0, &ts);
		}
	}
	if (keeper) {
		atomic_store(&sched.timer_when, INT64_MAX);
		atomic_store(&sched.timer_m, NULL);
		if (!spare_keeper(m, ready.n) && keeper_needed())
			next_keeper();
	}
	if (m->ending)
		return;
	sched_acquire_p(m, m->nextp);
	m->nextp = NULL;
	/* The first comes at once: only for the others may another M be woken. */
	m->resume = gqueue_pop(&ready);
	if (m->resume && (ready.n || m->resume != m->left))
		m->resume->alone = 0;
	else if (m->resume && m->resume->alone < ALONE_MANY)
		m->resume->alone++;
	for (struct g *g; (g = gqueue_pop(&ready));)
		enqueue(m->p, g, false);
	if (due)
		run_all_timers();
}

/* ---- switching ----------------------------------------------------------------------------- */

static void g_reap(struct m *m, struct g *g)
{
	int32_t *clear = g->clear_tid;
	int status = g->exit_status;

	if (pin_has_template())
		pin_ended(g);
	gtab_free(m->p, g);
	if (clear && sched_exit_wake)
		sched_exit_wake(clear);
	if (gtab_alive() == 0 && !atomic_load(&sched_foreign))
		raw1(SYS_exit_group, status);
}

/* The first thing after every switch: M has left m->prev's stack. */
static void finish_switch(struct m *m)
{
	struct g *prev = m->prev;

	m->prev = NULL;
	if (!prev || prev == &m->g0)
		return;
	if (atomic_load_explicit(&prev->status, memory_order_relaxed) == G_DEAD)
		g_reap(m, prev);
	else
		atomic_store_explicit(&prev->on_cpu, 0, memory_order_release); /* B2 */
}

/* P's M alone does: no need to lock the bus. */
static inline void count_decision(struct p *p)
{
	uint32_t tick = atomic_load_explicit(&p->tick, memory_order_relaxed);

	atomic_store_explicit(&p->tick, tick + 1, memory_order_relaxed);
}

/* P is about to compute: who wakes its sleepers, if nobody sleeps until the next deadline? */
static void watch_timers(struct p *p)
{
	int64_t next = timer_next(p);

	if (next < atomic_load_explicit(&sched.look_at, memory_order_relaxed) &&
	    !atomic_load(&sched.timer_m))
		sched_watch_by(next);
}

/* FROM is a G that has to be left only if TO has left its own stack: see leave_cpu(). */
static void run_g(struct m *m, struct g *from, struct g *to)
{
	while (atomic_load_explicit(&to->on_cpu, memory_order_acquire)) /* B2 */
		raw_pause();
	atomic_store_explicit(&to->on_cpu, 1, memory_order_relaxed);
	if (atomic_load_explicit(&cputime_counted, memory_order_relaxed))
		cputime_leave(m, from);
	to->m = m;
	atomic_store_explicit(&to->status, G_RUNNING, memory_order_relaxed);
	atomic_store_explicit(&m->curg, to, memory_order_relaxed);
	if (atomic_load_explicit(&m->cpu_mark, memory_order_relaxed) == CPUTIME_BUSY)
		cputime_enter(m);
	count_decision(m->p);
	if (atomic_load_explicit(&to->affinity, memory_order_relaxed) != m->affinity)
		affinity_apply(m, to);
	if (__builtin_expect(to->hog, false))
		watch_timers(m->p);
	m->prev = from;
	arch_switch(from, to);
	finish_switch(from->m);
}

static struct g *pick_local(struct p *p)
{
	uint32_t turn = atomic_load_explicit(&p->tick, memory_order_relaxed) % GLOBAL_EVERY;
	struct g *g = NULL;

	if (__builtin_expect(atomic_load_explicit(&p->global_due, memory_order_relaxed), false)) {
		atomic_store_explicit(&p->global_due, false, memory_order_relaxed);
		g = globq_get(p, 1, true);
	} else if (turn == GLOBAL_EVERY / 2) { /* two that wake each other in turns always are next */
		g = runq_get_ring(&p->runq);
	} else if (turn == 0) {
		g = globq_get(p, 1, false);
	} else if (atomic_load_explicit(&sched.n_woken, memory_order_relaxed)) {
		g = woken_get();
	}
	if (!g)
		g = runq_get(&p->runq);
	if (g)
		note_prompt(g);
	return g;
}

static void fire(struct timer_fired t, void *arg)
{
	(void)arg;
	if (park_claim(t.g, t.seq, -ETIMEDOUT))
		sched_ready(t.g);
}

static void run_timers(struct p *p)
{
	if (timer_next(p) != INT64_MAX)
		timer_run(p, raw_now(), fire, NULL);
}

static void fire_woken(struct timer_fired t, void *arg)
{
	if (park_claim(t.g, t.seq, -ETIMEDOUT))
		gqueue_push(arg, t.g);
}

void sched_fire_all(int64_t now)
{
	struct gqueue due = {0};

	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++)
		if (timer_next(&sched.ps[i]) <= now)
			timer_run(&sched.ps[i], now, fire_woken, &due);
	sched_ready_woken_all(&due);
}

/* From G, which has arranged for its return, to NEXT, which is on no queue; NULL: look for work. */
static void leave_cpu_to(struct g *g, struct g *next)
{
	struct m *m = g->m;

	/* B2: NEXT may still be leaving its stack on an M that waits for us to leave ours. To wait for it
	 * here would be to wait for each other; on g0 it is safe. A pinned G is g0's to hand on. */
	if (next && !atomic_load(&next->own_m) &&
	    !atomic_load_explicit(&next->on_cpu, memory_order_acquire)) {
		run_g(m, g, next);
		return;
	}
	m->resume = next;
	if (atomic_load_explicit(&cputime_counted, memory_order_relaxed))
		cputime_leave(m, g);
	atomic_store_explicit(&m->curg, NULL, memory_order_relaxed);
	if (atomic_load_explicit(&m->cpu_mark, memory_order_relaxed) == CPUTIME_BUSY)
		cputime_enter(m);
	m->prev = m->left = g;
	arch_switch(g, &m->g0);
	finish_switch(g->m);
}

/* G has arranged for its return (it is queued, parked or dead): run something else. */
static void leave_cpu(struct g *g)
{
	struct m *m = g->m;
	struct g *next = NULL;

	/* A pinned G's M looks at no queue. */
	if (m->p && !m->locked_g && !atomic_load_explicit(&sched.too_many, memory_order_relaxed)) {
		run_timers(m->p);
		next = pick_local(m->p);
	}
	if (next != g || (next && atomic_load(&g->own_m))) {
		leave_cpu_to(g, next);
		return;
	}
	/* A decision too: the same again would give G the CPU for ever. */
	count_decision(m->p);
	atomic_store_explicit(&g->status, G_RUNNING, memory_order_relaxed);
}

/* Called by arch_child_tail() on a new G's stack. */
void sched_child_started(void);
void sched_child_started(void)
{
	struct g *g = self_g;

	finish_switch(g->m);
	sched_leave(g);
}

/* ---- finding work -------------------------------------------------------------------------- */

/* V has nothing but a next G: does it stay that, or does V come to it? */
static bool next_stands(const struct p *v)
{
	uint64_t arrived = arch_cycles(), begin = arrived, now;
	uint32_t tick = atomic_load_explicit(&v->tick, memory_order_relaxed);

	do {
		/* V's M may wait for this very CPU. */
		raw0(SYS_sched_yield);
		if (runq_empty(&v->runq) || atomic_load_explicit(&v->tick, memory_order_relaxed) != tick)
			return false;
		now = arch_cycles();
		/* Our own wake-up is what holds V up, and can take longer than the rest. */
		if (atomic_load_explicit(&v->waking, memory_order_relaxed) && now - arrived < WAKE_TAKES)
			begin = now;
	} while (now - begin < NEXT_STANDS);
	return true;
}

/* *TALKER: a P whose next G was left alone. */
static struct g *steal(struct m *m, struct p **talker)
{
	struct p *p = m->p;

	for (int try = 0; try < STEAL_TRIES; try++) {
		uint32_t start;

		p->rand = p->rand * 1664525 + 1013904223;
		start = p->rand >> 16;
		for (uint32_t i = 0, n = atomic_load(&sched.n_ps); i < n; i++) {
			struct p *v = &sched.ps[(start + i) % n];
			struct g *g;

			if (v == p)
				continue;
			if (timer_next(v) != INT64_MAX && timer_next(v) <= raw_now()) {
				run_timers(v);
				g = runq_get(&p->runq);
				if (g)
					return g;
			}
			g = runq_steal(&p->runq, &v->runq, false);
			if (!g && try == STEAL_TRIES - 1 && !runq_empty(&v->runq)) {
				if (next_stands(v))
					g = runq_steal(&p->runq, &v->runq, true);
				else
					*talker = v;
			}
			if (g)
				return g;
		}
	}
	return NULL;
}

/* There are too many Ps, and M has one: others take what waits for it. */
static void stop_p(struct m *m)
{
	struct p *p = m->p;

	netpoll_arm_lazy(p);
	for (struct g *g; (g = runq_get(&p->runq));)
		globq_put(g);
	lock_acquire(&sched.lock);
	m->p = NULL;
	pidle_put_locked(p);
	lock_release(&sched.lock);
	sched_wake_p();
}

static struct g *find_runnable(struct m *m)
{
	struct p *talker = NULL;
	uint32_t tick = 0, rounds = 0;

	for (;;) {
		struct p *p = m->p;
		struct g *g;

		if (!p) {
			talker = NULL;
			rounds = 0;
			m_sleep(m);
			if (m->ending)
				return NULL;
			if (m->resume)
				return m->resume;
			continue;
		}
		if (__builtin_expect(atomic_load_explicit(&sched.too_many, memory_order_relaxed), false)) {
			if (m->spinning) {
				m->spinning = false;
				atomic_fetch_sub(&sched.n_spinning, 1);
			}
			stop_p(m);
			continue;
		}
		run_timers(p);
		g = pick_local(p);
		/* Before the global queue, where those are that compute. */
		if (!g && netpoll_waiters()) {
			struct gqueue ready = {0};

			netpoll_arm_lazy(p);
			netpoll_learn(p, netpoll_poll(0, &ready));
			g = gqueue_pop(&ready);
			/* Another keeper would have seen it before. */
			if (g)
				m->brief = 0;
			for (struct g *more; (more = gqueue_pop(&ready));) {
				__builtin_prefetch(more->ctx.sp);
				__builtin_prefetch((char *)more->ctx.sp + CACHE_LINE);
				__builtin_prefetch((char *)more->ctx.fs);
				enqueue(p, more, false);
			}
		}
		if (!g)
			g = globq_get(p, RUNQ_SIZE / 2, true);
		if (g)
			return g;
		if (m->spinning ||
		    2 * atomic_load(&sched.n_spinning) < sched.n_procs - atomic_load(&sched.n_idle_ps)) {
			if (!m->spinning) {
				m->spinning = true;
				atomic_fetch_add(&sched.n_spinning, 1);
			}
			talker = NULL;
			g = steal(m, &talker);
			if (g) {
				g->lone = false;
				g->prompt = 0;
				return g;
			}
			if (talker)
				tick = atomic_load(&talker->tick);
			/* Enough: no tick any more that it can still have. */
			if (talker && ++rounds >= TALK_ROUNDS)
				tick--;
		}
		lock_acquire(&sched.lock);
		if (sched.n_global) {
			lock_release(&sched.lock);
			continue;
		}
		/* start_m() came for a P in vain and others relied on its spinning. */
		if (!m->spinning && sched.need_spinning) {
			sched.need_spinning = false;
			m->spinning = true;
			atomic_fetch_add(&sched.n_spinning, 1);
			lock_release(&sched.lock);
			continue;
		}
		m->p = NULL;
		pidle_put_locked(p);
		lock_release(&sched.lock);
		if (m->spinning) {
			m->spinning = false;
			atomic_fetch_sub(&sched.n_spinning, 1);
			atomic_thread_fence(memory_order_seq_cst); /* B1 */
			if (work_anywhere(talker, tick)) {
				lock_acquire(&sched.lock);
				p = pidle_get_locked();
				lock_release(&sched.lock);
				if (p) {
					sched_acquire_p(m, p);
					m->spinning = true;
					atomic_fetch_add(&sched.n_spinning, 1);
				}
			}
		}
	}
}

static void m_loop(struct m *m)
{
	atomic_store_explicit(&m->in_sched, 1, memory_order_relaxed);
	finish_switch(m);
	for (;;) {
		struct g *g;

		if (m->locked_g && !m->ending)
			pin_wait(m);
		if (m->ending)
			pin_end_m(m);
		g = m->locked_g ? m->locked_g : m->resume ? m->resume : find_runnable(m);
		m->resume = NULL;
		if (!g)
			continue;
		if (m->spinning) {
			m->spinning = false;
			if (atomic_fetch_sub(&sched.n_spinning, 1) == 1)
				sched_wake_p();
		}
		if (g != m->locked_g && atomic_load(&g->own_m))
			pin_resume(m, g);
		else
			run_g(m, &m->g0, g);
	}
}

/* ---- what Gs ask for ----------------------------------------------------------------------- */

/* Queue a runnable G: on the P of the M we are on, or globally. */
static void enqueue(struct p *p, struct g *g, bool next)
{
	bool lone = next && p && runq_empty(&p->runq);

	if (!p) {
		sched_ready_woken(g);
		see_to_woken();
		return;
	}
	atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	if (!runq_put(&p->runq, g, next)) {
		uint32_t n;
		struct g *list = runq_put_slow(&p->runq, g, &n);

		lock_acquire(&sched.lock);
		gqueue_push_list(&sched.globq, list, n);
		count_global_locked();
		lock_release(&sched.lock);
	}
	if (lone && spare_wake(p, g))
		return;
	if (!lone) {
		sched_wake_p();
		return;
	}
	atomic_store_explicit(&p->waking, true, memory_order_relaxed);
	arch_fence_after_rmw(); /* B1: runq_put() has swapped it into the place of the next */
	wake_p_ordered();
	atomic_store_explicit(&p->waking, false, memory_order_relaxed);
}

/* The P that this kernel thread may use now, NULL if none. */
static struct p *current_p(void)
{
	struct g *self = self_g;
	struct m *m = self ? self->m : g0_of;

	/* One that was made with the TLS of a G is no G: that G's M may be in the scheduler just now. */
	if (self && self->vforked && sig_in_child(self))
		return NULL;
	return m && atomic_load_explicit(&m->in_sched, memory_order_relaxed) ? m->p : NULL;
}

void sched_ready(struct g *g)
{
	enqueue(current_p(), g, true);
}

void sched_start(struct g *g)
{
	enqueue(current_p(), g, true);
}

/* What others have decided for G while it ran: is it pinned to an M that it has not reached yet? */
static bool out_of_place(struct g *g)
{
	if (atomic_load_explicit(&g->affinity, memory_order_relaxed) != g->m->affinity)
		affinity_apply(g->m, g);
	return atomic_load_explicit(&g->own_m, memory_order_relaxed) && !g->m->locked_g;
}

static bool others_wait(const struct p *p)
{
	return !runq_empty(&p->runq) ||
	       atomic_load_explicit(&sched.n_global, memory_order_relaxed) != 0;
}

bool sched_yield_g(struct g *g)
{
	struct p *p = g->m->p;

	if (out_of_place(g)) {
		sched_move(g);
		return true;
	}
	run_timers(p);
	if (!others_wait(p))
		return false;
	atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	/* Behind all others. */
	if (atomic_load_explicit(&sched.n_global, memory_order_relaxed) || !runq_put(&p->runq, g, false))
		globq_put(g);
	leave_cpu(g);
	return true;
}

void sched_move(struct g *g)
{
	atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	globq_put(g);
	leave_cpu(g);
}

void sched_preempt_g(struct g *g)
{
	struct p *p = g->m->p;

	run_timers(p);
	if (!others_wait(p) && !out_of_place(g) && !atomic_load_explicit(&sched.too_many, memory_order_relaxed))
		return;
	atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	if (p->global_tick == p->tick)
		atomic_store_explicit(&p->global_left, raw_now(), memory_order_relaxed);
	if (preempt_settle(p, g))
		globq_put(g);
	else
		globq_put_first(g);
	leave_cpu(g);
}

bool sched_others_run(void)
{
	return atomic_load_explicit(&sched.n_idle_ps, memory_order_relaxed) + 1 < sched.n_procs;
}

void sched_yield_woken(struct g *g)
{
	struct p *p = g->m->p;

	if (!g->hog) {
		if (!preempt_ran_long(p))
			return;
		g->hog = true;
		g->credit = (int32_t)preempt_full_slice();
	}
	if (out_of_place(g)) {
		sched_move(g);
		return;
	}
	if (!others_wait(p))
		return;
	atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	/* Behind those that it has woken. */
	if (!runq_put(&p->runq, g, false))
		globq_put(g);
	leave_cpu(g);
}

/* Who joins G comes next, without a detour over the queues. It does not see that G has ended before that is so:
 * finish_switch() comes first. */
_Noreturn void sched_exit(struct g *g, int status)
{
	struct m *m = g->m;
	struct g *joiner = NULL;

	g->exit_status = status;
	if (g->clear_tid && m->p && !m->locked_g && sched_exit_joiner)
		joiner = sched_exit_joiner(g->clear_tid);
	atomic_store_explicit(&g->status, G_DEAD, memory_order_relaxed);
	if (joiner)
		leave_cpu_to(g, joiner);
	else
		leave_cpu(g);
	throw("a dead G runs");
}

uint64_t park_prepare_unordered(struct g *g, enum wait_reason why, uintptr_t on)
{
	uint64_t seq = ++g->park_seq;

	g->wake_result = 0;
	note_wait(g);
	atomic_store_explicit(&g->wait_on, on, memory_order_relaxed);
	atomic_store_explicit(&g->wait_reason, why, memory_order_relaxed);
	atomic_store_explicit(&g->status, G_WAITING, memory_order_relaxed);
	atomic_store_explicit(&g->claim, seq, memory_order_release);
	return seq;
}

uint64_t park_prepare(struct g *g, enum wait_reason why, uintptr_t on)
{
	uint64_t seq = park_prepare_unordered(g, why, on);

	atomic_thread_fence(memory_order_seq_cst); /* B5 */
	return seq;
}

bool park_claim(struct g *g, uint64_t seq, int32_t result)
{
	uint64_t expect = seq;

	if (!atomic_compare_exchange_strong(&g->claim, &expect, 0))
		return false;
	/* Read by G after it was queued and taken, which orders it. */
	g->wake_result = result;
	return true;
}

bool park_cancel(struct g *g, uint64_t seq)
{
	if (!park_claim(g, seq, 0))
		return false;
	atomic_store_explicit(&g->status, G_RUNNING, memory_order_relaxed);
	return true;
}

int32_t park(struct g *g)
{
	g->hog = false;
	leave_cpu(g);
	return g->wake_result;
}

int32_t park_until(struct g *g, uint64_t seq, int64_t deadline)
{
	int32_t r;

	if (timer_add(g->m->p, &g->timer, deadline, seq) != 0)
		throw("no memory for a timer");
	sched_timer_earlier(deadline);
	r = park(g);
	timer_del(&g->timer);
	return r;
}

/* ---- hand-off ------------------------------------------------------------------------------ */

/* G runs on an M that has no P: get an idle one, or wait for its turn. */
static void need_p(struct g *g)
{
	struct p *p;

	/* Under one lock: a P that becomes idle between the two would leave G in the queue unseen. */
	lock_acquire(&sched.lock);
	p = pidle_get_locked();
	if (!p) {
		atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
		gqueue_push(&sched.wokenq, g);
		count_global_locked();
	}
	lock_release(&sched.lock);
	if (p) {
		sched_acquire_p(g->m, p);
		atomic_store_explicit(&g->status, G_RUNNING, memory_order_relaxed);
	} else {
		leave_cpu(g);
	}
}

void sched_enter_syscall(struct g *g)
{
	struct m *m = g->m;
	struct p *p = m->p;

	/* P does not come to what it has next. */
	if (p->spared) {
		p->spared = false;
		if (!runq_empty(&p->runq))
			sched_wake_p();
	}
	m->oldp = p;
	m->p = NULL;
	note_wait(g);
	atomic_store_explicit(&g->status, G_SYSCALL, memory_order_relaxed);
	atomic_store(&p->status, P_SYSCALL); /* from here on anybody's */
}

void sched_block_syscall(struct g *g)
{
	struct m *m = g->m;
	struct p *p = m->p;

	m->oldp = p;
	m->p = NULL;
	note_wait(g);
	atomic_store_explicit(&g->status, G_SYSCALL, memory_order_relaxed);
	sched_handoff_p(p);
}

bool sched_alone(struct g *g)
{
	uint32_t none = 0;

	return g->alone == ALONE_MANY && !others_wait(g->m->p) && !atomic_load(&g->own_m) &&
	       atomic_compare_exchange_strong(&sched.n_alone, &none, 1);
}

void sched_alone_end(struct g *g, uint64_t since)
{
	if (arch_cycles() - since > ALONE_TAKES)
		g->alone = 0;
	atomic_store(&sched.n_alone, 0);
}

void sched_exit_syscall(struct g *g)
{
	struct m *m = g->m;
	struct p *p = m->oldp;
	uint32_t expect = P_SYSCALL;

	/* P in P_SYSCALL is anybody's: it does not matter whose call it is in by now. */
	if (p->m == m && atomic_compare_exchange_strong(&p->status, &expect, P_RUNNING)) {
		p->m = m;
		m->p = p;
		atomic_fetch_add_explicit(&p->syscall_tick, 1, memory_order_relaxed);
		atomic_store_explicit(&g->status, G_RUNNING, memory_order_relaxed);
		return;
	}
	need_p(g);
}

void sched_enter_retaken(struct g *g)
{
	struct m *m = g->m;
	uint32_t was;

	/* Sysmon is about to decide. It may have lost its CPU over it. */
	for (uint32_t i = 1; atomic_load(&m->retaken) == RETAKE_ASKED; i++) {
		raw_pause();
		if (i % 64 == 0)
			raw0(SYS_sched_yield);
	}
	was = atomic_exchange(&m->retaken, RETAKE_NONE);
	if (was == RETAKE_DONE) {
		atomic_fetch_sub(&sched.n_stalled, 1);
		need_p(g);
	} else if (was == RETAKE_AWAY) {
		sched_exit_syscall(g);
	}
}

bool sched_retake_stalled(struct p *p, struct m *m)
{
	uint32_t none = RETAKE_NONE;

	if (!atomic_compare_exchange_strong(&m->retaken, &none, RETAKE_ASKED))
		return false;
	/* B6, with sched_enter(): M stores in_sched, then looks at retaken. The barrier on all CPUs
	 * puts ours between the two: either we see in_sched here, or M sees that it is asked. */
	if (raw_failed(raw3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)) ||
	    atomic_load(&m->in_sched) || m->p != p) {
		atomic_store(&m->retaken, RETAKE_NONE);
		return false;
	}
	m->p = NULL;
	atomic_fetch_add(&sched.n_stalled, 1);
	atomic_store(&m->retaken, RETAKE_DONE);
	sched_handoff_p(p);
	return true;
}

/* ---- beginning ----------------------------------------------------------------------------- */

static struct p *make_p(uint32_t id)
{
	struct p *p = &sched.ps[id];

	p->id = id;
	p->rand = id * 2654435761u + 1;
	p->seen_tick = p->urged = UINT32_MAX;
	timer_init(p);
	return p;
}

/* N of them, all idle but the first, and room for MAX. */
static int make_ps(uint32_t n, uint32_t max)
{
	sched.ps = mem_pages(mem_round(sizeof(struct p) * max, MEM_PAGE));
	if (!sched.ps)
		return -ENOMEM;
	sched.ps_max = max;
	sched.n_ps = sched.n_procs = sched.wanted = n;
	make_p(0);
	for (uint32_t i = n; i-- > 1;)
		pidle_put_locked(make_p(i));
	return 0;
}

/* As long as more Ps are wanted: stopped ones, then new ones. */
static void add_ps_locked(void)
{
	for (uint32_t i = 0; sched.n_procs < sched.wanted; i++) {
		struct p *p = &sched.ps[i];

		if (i == sched.n_ps) {
			make_p(i);
			atomic_store(&sched.n_ps, i + 1);
		} else if (atomic_load(&p->status) != P_STOPPED) {
			continue;
		}
		atomic_fetch_add(&sched.n_procs, 1);
		pidle_put_locked(p);
	}
}

void sched_set_procs(uint32_t n)
{
	lock_acquire(&sched.lock);
	atomic_store(&sched.wanted, n);
	atomic_store(&sched.too_many, sched.n_procs > n);
	while (sched.too_many && sched.idle_ps)
		pidle_put_locked(pidle_get_locked());
	add_ps_locked();
	lock_release(&sched.lock);
	/* Who queued a G meanwhile may have seen no idle P (B1). */
	atomic_thread_fence(memory_order_seq_cst);
	if (work_anywhere(NULL, 0))
		sched_wake_p();
}

void sched_stop_hasten(int64_t now)
{
	uint32_t left = atomic_load(&sched.n_procs) - atomic_load(&sched.wanted);

	for (uint32_t i = atomic_load(&sched.n_ps); i-- && (int32_t)left > 0;) {
		struct p *p = &sched.ps[i];
		struct m *m = p->m;
		int64_t cpu;

		if (atomic_load(&p->status) != P_RUNNING || !m || atomic_load(&m->in_sched))
			continue;
		cpu = cputime_of_thread(m->tid);
		preempt_end_slice(p, m, now, cpu, 0, true);
		left--;
	}
}

static void adopt(struct m *m, struct g *g)
{
	arch_prepare_g0(m, m_loop, m->stack, m->stack_size);
	g->m = m;
	atomic_store(&g->on_cpu, 1);
	atomic_store(&g->status, G_RUNNING);
	atomic_store(&m->curg, g);
	sched_acquire_p(m, &sched.ps[0]);
}

int sched_init(const struct sched_config *c)
{
	struct g *g;
	struct m *m;
	int r;

	arch_init();
	raw3(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	sched.tls_below = c->tls_below;
	if (sched.tls_below < arch_get_fs() - (uintptr_t)&g0_of)
		sched.tls_below = arch_get_fs() - (uintptr_t)&g0_of;
	atomic_store(&sched.timer_when, INT64_MAX);
	atomic_store(&sched.coarse_now, raw_now());
	sched.procs_follow = c->procs_follow;
	r = make_ps(c->procs, c->procs_follow ? PROCS_MAX : c->procs);
	if (r)
		return r;
	m = sched_m_new();
	g = gtab_new(NULL);
	if (!m || !g)
		return -ENOMEM;
	m->tid = (int32_t)raw0(SYS_gettid);
	g->main = m->tid == c->pid;
	g->ctx.fs = arch_get_fs();
	gtab_forked(g, m->tid);
	adopt(m, g);
	self_g = g;
	sched.active = true;
	return 0;
}

bool sched_active(void)
{
	return sched.active;
}

uint32_t sched_procs(void)
{
	return sched.n_procs;
}

void sched_forked(struct g *g, int32_t pid)
{
	struct m *m = g->m;
	uint32_t n = sched.wanted, max = sched.ps_max;
	bool follow = sched.procs_follow;
	size_t below = sched.tls_below;

	/* Locks may have been held, queues been in the middle of a change: all is made anew. What
	 * the other Ms had is lost to this process. */
	mem_zero(&sched, sizeof sched);
	sched.tls_below = below;
	sched.procs_follow = follow;
	atomic_store(&sched.timer_when, INT64_MAX);
	atomic_store(&sched.coarse_now, raw_now());
	if (make_ps(n, max))
		throw("no memory after fork");
	raw3(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	atomic_store(&m->retaken, RETAKE_NONE);
	gtab_forked(g, pid);
	pin_forked(g, m);
	affinity_forked(g, m);
	cputime_forked(g, m);
	preempt_forked();
	follow_forked();
	m->tid = pid;
	m->spinning = false;
	m->all_link = NULL;
	sched.all_ms = m;
	sched.n_ms = 1;
	adopt(m, g);
	atomic_store(&m->in_sched, 1);
	sched.active = true;
}
