/* SPDX-License-Identifier: MIT */
/*
 * The timers of a P: a 4-ary heap on the deadline, under the heap's lock.
 *
 * Four children to a node, as in Go's runtime/time.go: half the levels of a binary heap, and four
 * pointers beside each other. The heap holds pointers; a timer knows its index, so that it is
 * removed in O(log n) without a search. Memory is pages of our own, doubled when full and never
 * given back: there are at most as many timers as Gs.
 *
 * A timer is in one heap or in none, and t->p says which: it changes under the lock of that heap.
 * It is the last that a heap's owner writes when it lets go of a timer (release), so whoever sees
 * NULL there (acquire) may use the timer's memory again at once. That is why fire() gets a copy
 * of what it needs, never the timer.
 *
 * A firing and a timer_del() may cross: del finds the timer gone, returns, and fire() comes later
 * still. The number of the park, which fire() is told, makes that harmless: it must end that park
 * of that G and no other (g->claim).
 *
 * A P's memory must outlive the timers that ever were in it.
 */
#ifndef GOTHREADS_TIMER_H
#define GOTHREADS_TIMER_H

#include <stdint.h>

#include "sched/types.h"

/* What a fired timer was set for. */
struct timer_fired {
	struct g *g;
	uint64_t seq;
};

/* Makes P's heap, zeroed before, an empty one. */
void timer_init(struct p *p);

/*
 * Puts T, which must be in no heap and whose t->g is set, into the heap of P: due at WHEN
 * (CLOCK_MONOTONIC, ns; the past is due at once), to end park SEQ. A zeroed timer is in no heap.
 * Only the timer's own G, or who acts for it, may call it; P need not be the caller's. 0, or
 * -ENOMEM with T in no heap as before.
 */
int timer_add(struct p *p, struct timer *t, int64_t when, uint64_t seq);

/* Takes T out of the heap that it is in, if any. Afterwards T is in none, as long as nobody adds
 * it; its firing may still be on its way, see above. */
void timer_del(struct timer *t);

/*
 * Takes all timers of P that are due at NOW (when <= NOW) out of the heap and calls
 * FIRE(fired, ARG) for each, earliest first, with no lock held. How many. Several Ms may run the
 * timers of one P at once; each timer fires once.
 */
unsigned timer_run(struct p *p, int64_t now, void (*fire)(struct timer_fired fired, void *arg),
		   void *arg);

/*
 * The earliest deadline in P's heap, INT64_MAX when there is none, without the lock.
 *
 * Its changes and this load are sequentially consistent: of an M that announces (seq_cst) that it
 * is going to sleep and then looks here, and one that adds a timer and then looks for sleepers
 * (seq_cst), at least one sees the other.
 */
int64_t timer_next(const struct p *p);

#endif
