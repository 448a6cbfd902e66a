/* SPDX-License-Identifier: MIT */
/* The scheduler's own state, for the files of sched/ alone; the seam sees sched.h. */
#ifndef GOTHREADS_PROC_H
#define GOTHREADS_PROC_H

#include "sched/gqueue.h"
#include "sched/sched.h"

struct sched {
	struct lock lock;
	bool active;
	/* Ps: those that there are, all of which may hold timers and stolen work; in service; wanted to be so. PS_MAX
	 * have room. */
	_Atomic uint32_t n_ps;		     /* [lock], read by all, only grows */
	_Atomic uint32_t n_procs, wanted;    /* [lock], read by all: all but the stopped */
	_Atomic bool too_many;		     /* n_procs > wanted [lock], read by all */
	uint32_t ps_max;
	bool procs_follow;		     /* what the machine grants us (sysmon.c) */
	struct p *ps;
	size_t tls_below;

	struct p *idle_ps;		     /* [lock] */
	_Atomic uint32_t n_idle_ps;	     /* [lock], read by all */
	struct gqueue globq;		     /* [lock] */
	struct gqueue wokenq;		     /* [lock] has slept, and goes before all others */
	_Atomic uint32_t n_global, n_woken;  /* [lock], read by all: of both; of wokenq */
	struct m *idle_ms, *all_ms;	     /* [lock] */
	struct m *dead_ms;		     /* [lock] to be reused once their tid is 0 */
	uint32_t n_dead_ms;		     /* [lock] part of n_ms */
	uint32_t n_idle_ms, n_ms;	     /* [lock]; n_ms: and the watcher */
	_Atomic uint32_t n_spinning;	     /* [any] */
	bool need_spinning;		     /* a P was wanted when none was idle [lock] */
	_Atomic bool short_of_ms;	     /* no M could be made for a P since one last could [any] */
	_Atomic uint32_t n_alone;	     /* Gs that wait in the kernel for they are alone: 0 or 1 [any] */
	_Atomic bool sparing;		     /* a lone next G has woken nobody since sysmon looked [any] */
	_Atomic(struct m *) timer_m;	     /* the idle M that sleeps until the next deadline */
	_Atomic int64_t timer_when;	     /* that deadline */
	_Atomic uint32_t n_stalled;	     /* Ms that sysmon took the P from and that do not know yet */
	_Atomic uint32_t watcher_asleep;     /* futex word: sysmon waits for a busy P */
	_Atomic int64_t look_at;	     /* when sysmon looks next; 0: it is awake */
	_Atomic uint32_t look_now;	     /* futex word: it is to look at once */
	_Atomic bool look_polls;	     /* it sleeps in the poller */
	_Atomic uint32_t n_preempts;	     /* signals sent to make a G give way [any] */
	/* CLOCK_MONOTONIC ns, some 10 ms late at most while a P is busy: for reports [sysmon] */
	_Atomic int64_t coarse_now;
};

extern struct sched sched;

/* Called on each new M's kernel thread before it runs anything. */
extern void (*sched_m_started)(struct m *m);

/* Called on an M that has no G when its attn is set: take the signals it was sent. */
extern void (*sched_m_attend)(struct m *m);

/* Called with a dead G's clear_tid after its stack is left: clear it and wake its futex. */
extern void (*sched_exit_wake)(int32_t *clear_tid);

/* Called with the clear_tid of a G that is about to end: a G that waits for that, claimed, or NULL. */
extern struct g *(*sched_exit_joiner)(int32_t *clear_tid);

/*
 * N Ps in service from now on, 1 .. ps_max. Those too many stop when they next have nobody to run or are given back:
 * sched_stop_hasten() makes the running ones. Nobody else stops for it, as Go's world does: a stopped P
 * has given its Gs to the global queue before, and its timers, which stay with it, are looked at as those of an idle P.
 */
void sched_set_procs(uint32_t n);
void sched_stop_hasten(int64_t now);
/* One more M, if there is an idle P and nobody looks for work already. */
void sched_wake_p(void);
/* P's M is gone: run P elsewhere, or put it on the idle list. */
void sched_handoff_p(struct p *p);
/* Take P from M, whose kernel thread was seen asleep outside of the library. False if M is inside by
 * now, or the kernel has no membarrier. */
bool sched_retake_stalled(struct p *p, struct m *m);
/* Make all of Q, claimed Gs, runnable. */
void sched_ready_all(struct gqueue *q);
/* Make a claimed G, or all of Q, the next that any P comes to; the caller sees to a P for it if none is
 * idle (preempt_for_woken()). */
void sched_ready_woken(struct g *g);
void sched_ready_woken_all(struct gqueue *q);
/* The time of some sleepers has come while all Ps work: make them ready as above. */
void sched_fire_all(int64_t now);
/* Sysmon is to look by WHEN, CLOCK_MONOTONIC ns. Anywhere. */
void sched_watch_by(int64_t when);
/* The netpoller is there from now on: the M that sleeps until the next deadline shall wait for both. */
void sched_poller_started(void);
/* To M, which may sleep without a P: look around again. From a handler too. */
void sched_nudge(struct m *m);
/* The earliest deadline of all Ps, INT64_MAX if none. */
int64_t sched_timers_next(void);
/* A timer with this deadline was added. */
void sched_timer_earlier(int64_t when);
/* A kernel thread for M that runs fn(M). Its tid or -errno. */
long sched_clone_m(struct m *m, void (*fn)(void *));
/* The same, and certainly a clone of the calling kernel thread. */
long sched_clone_here(struct m *m, void (*fn)(void *));

/* For pin.c: an M without kernel thread, or NULL; what it runs; giving it back, once it runs no
 * more or is about to exit; waking it; making P its own; sending G to the M where it belongs. */
struct m *sched_m_new(void);
void sched_m_start(void *m);
void sched_m_drop(struct m *m);
void sched_m_wake(struct m *m);
void sched_acquire_p(struct m *m, struct p *p);
void sched_move(struct g *g);

#endif
