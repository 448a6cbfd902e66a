/* SPDX-License-Identifier: MIT */
/* timer: see timer.h */
#include "sched/timer.h"

#include <errno.h>

#include "sched/base/fatal.h"
#include "sched/base/mem.h"

enum {
	ARITY = 4,
	BATCH = 16, /* that are taken out under one hold of the lock */
};

/* ---- The heap, under its lock ---- */

static void place(struct timer_heap *h, uint32_t i, struct timer *t)
{
	h->heap[i] = t;
	t->index = i;
}

/* Moves T, which belongs at I or above, to its place; what is at I is overwritten. */
static void sift_up(struct timer_heap *h, uint32_t i, struct timer *t)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / ARITY;

		if (h->heap[parent]->when <= t->when)
			break;
		place(h, i, h->heap[parent]);
		i = parent;
	}
	place(h, i, t);
}

/* The same, at I or below. */
static void sift_down(struct timer_heap *h, uint32_t i, struct timer *t)
{
	for (;;) {
		uint32_t first = i * ARITY + 1, least = first, c;

		if (first >= h->n)
			break;
		for (c = first + 1; c < h->n && c < first + ARITY; c++)
			if (h->heap[c]->when < h->heap[least]->when)
				least = c;
		if (t->when <= h->heap[least]->when)
			break;
		place(h, i, h->heap[least]);
		i = least;
	}
	place(h, i, t);
}

static int grow(struct timer_heap *h)
{
	size_t old = h->cap * sizeof(*h->heap), size = old ? 2 * old : MEM_PAGE;
	struct timer **heap;

	/* An index is an int32_t. */
	if (size / sizeof(*heap) > INT32_MAX)
		return -ENOMEM;
	heap = mem_pages(size);
	if (!heap)
		return -ENOMEM;
	if (old) {
		mem_copy(heap, h->heap, old);
		mem_release(h->heap, old);
	}
	h->heap = heap;
	h->cap = size / sizeof(*heap);
	return 0;
}

static void update_next(struct timer_heap *h)
{
	int64_t next = h->n ? h->heap[0]->when : INT64_MAX;

	/* Most changes leave it as it is, and a sequentially consistent store is dear. */
	if (atomic_load_explicit(&h->next, memory_order_relaxed) != next)
		atomic_store_explicit(&h->next, next, memory_order_seq_cst);
}

/* Takes T out and lets go of it: it may be gone when this returns. */
static void take(struct timer_heap *h, struct timer *t)
{
	uint32_t i = t->index;
	struct timer *last = h->heap[--h->n];

	ASSERT(i <= h->n && h->heap[i] == t);
	if (last != t) {
		/* The last may come from another branch, above or below its new place. */
		if (i > 0 && last->when < h->heap[(i - 1) / ARITY]->when)
			sift_up(h, i, last);
		else
			sift_down(h, i, last);
	}
	t->index = TIMER_IDLE;
	atomic_store_explicit(&t->p, NULL, memory_order_release);
}

/* ---- The interface ---- */

void timer_init(struct p *p)
{
	atomic_store_explicit(&p->timers.next, INT64_MAX, memory_order_relaxed);
}

int timer_add(struct p *p, struct timer *t, int64_t when, uint64_t seq)
{
	struct timer_heap *h = &p->timers;
	int err = 0;

	ASSERT(!atomic_load_explicit(&t->p, memory_order_acquire));
	lock_acquire(&h->lock);
	if (h->n == h->cap)
		err = grow(h);
	if (!err) {
		t->when = when;
		t->seq = seq;
		sift_up(h, h->n++, t);
		atomic_store_explicit(&t->p, p, memory_order_release);
		update_next(h);
	}
	lock_release(&h->lock);
	return err;
}

void timer_del(struct timer *t)
{
	struct p *p;

	while ((p = atomic_load_explicit(&t->p, memory_order_acquire))) {
		struct timer_heap *h = &p->timers;

		lock_acquire(&h->lock);
		/* It may have fired before we had the lock. */
		if (atomic_load_explicit(&t->p, memory_order_relaxed) == p) {
			take(h, t);
			update_next(h);
		}
		lock_release(&h->lock);
	}
}

unsigned timer_run(struct p *p, int64_t now, void (*fire)(struct timer_fired fired, void *arg),
		   void *arg)
{
	struct timer_heap *h = &p->timers;
	struct timer_fired due[BATCH];
	unsigned total = 0, n, i;

	while (timer_next(p) <= now) {
		lock_acquire(&h->lock);
		for (n = 0; n < BATCH && h->n && h->heap[0]->when <= now; n++) {
			due[n].g = h->heap[0]->g;
			due[n].seq = h->heap[0]->seq;
			take(h, h->heap[0]);
		}
		update_next(h);
		lock_release(&h->lock);
		/* Others were faster, or NOW is the INT64_MAX that an empty heap says. */
		if (n == 0)
			break;
		for (i = 0; i < n; i++)
			fire(due[i], arg);
		total += n;
	}
	return total;
}

int64_t timer_next(const struct p *p)
{
	return atomic_load_explicit(&p->timers.next, memory_order_seq_cst);
}
