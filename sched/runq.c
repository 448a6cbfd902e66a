/* SPDX-License-Identifier: MIT */
/* runq: see runq.h, for the algorithm and for which order each access needs */
#include "sched/runq.h"

#include "sched/base/fatal.h"

enum { HALF = RUNQ_SIZE / 2 };

_Static_assert((RUNQ_SIZE & (RUNQ_SIZE - 1)) == 0, "indices wrap at 2^32");

static struct g *slot_get(struct runq *q, uint32_t i)
{
	return atomic_load_explicit(&q->slot[i % RUNQ_SIZE], memory_order_relaxed);
}

static void slot_set(struct runq *q, uint32_t i, struct g *g)
{
	atomic_store_explicit(&q->slot[i % RUNQ_SIZE], g, memory_order_relaxed);
}

/* Takes the slots [HEAD, HEAD + N), if nobody has taken any of them. */
static bool commit(struct runq *q, uint32_t head, uint32_t n)
{
	return atomic_compare_exchange_strong_explicit(&q->head, &head, head + n,
						       memory_order_acq_rel, memory_order_relaxed);
}

/* Swaps next from OLD to G. */
static bool swap_next(struct runq *q, struct g *old, struct g *g)
{
	return atomic_compare_exchange_strong_explicit(&q->next, &old, g, memory_order_acq_rel,
						       memory_order_relaxed);
}

static struct g *load_next(const struct runq *q)
{
	return atomic_load_explicit(&q->next, memory_order_acquire);
}

static uint32_t load_head(const struct runq *q)
{
	return atomic_load_explicit(&q->head, memory_order_acquire);
}

/* For the owner, who is the only one to move it. */
static uint32_t own_tail(struct runq *q)
{
	return atomic_load_explicit(&q->tail, memory_order_relaxed);
}

static void set_tail(struct runq *q, uint32_t tail)
{
	atomic_store_explicit(&q->tail, tail, memory_order_release);
}

bool runq_put(struct runq *q, struct g *g, bool next)
{
	uint32_t tail = own_tail(q);
	struct g *old;

	if (next) {
		do {
			old = load_next(q);
			/* Only now can it fail: once OLD is out, it must have a place. */
			if (old && tail - load_head(q) == RUNQ_SIZE)
				return false;
		} while (!swap_next(q, old, g));
		if (!old)
			return true;
		g = old;
	} else if (tail - load_head(q) == RUNQ_SIZE) {
		return false;
	}
	slot_set(q, tail, g);
	set_tail(q, tail + 1);
	return true;
}

struct g *runq_put_slow(struct runq *q, struct g *g, uint32_t *n)
{
	struct g *list = NULL, **end = &list;
	uint32_t tail = own_tail(q), head = load_head(q), i;

	*n = 0;
	if (tail - head < RUNQ_SIZE || !commit(q, head, HALF)) {
		if (g && !runq_put(q, g, false))
			throw("runq_put_slow: no room in a ring that thieves have emptied");
		return NULL;
	}
	/* The slots are ours to read at leisure: nobody but us fills them again. */
	for (i = 0; i < HALF; i++) {
		*end = slot_get(q, head + i);
		end = &(*end)->link;
	}
	*n = HALF;
	if (g) {
		*end = g;
		end = &g->link;
		++*n;
	}
	*end = NULL;
	return list;
}

struct g *runq_get_ring(struct runq *q)
{
	struct g *g;
	uint32_t head;

	for (;;) {
		head = load_head(q);
		if (head == own_tail(q))
			return NULL;
		g = slot_get(q, head);
		if (commit(q, head, 1))
			return g;
	}
}

struct g *runq_get(struct runq *q)
{
	struct g *g = load_next(q);

	/* If the swap fails a thief has it, and next is NULL. */
	if (g && swap_next(q, g, NULL))
		return g;
	return runq_get_ring(q);
}

/* Copies half of Q's Gs to the slots of SELF from TAIL on, and takes them off Q. How many. */
static uint32_t grab(struct runq *q, struct runq *self, uint32_t tail, bool steal_next)
{
	uint32_t head, n, i;
	struct g *g;

	for (;;) {
		head = load_head(q);
		n = atomic_load_explicit(&q->tail, memory_order_acquire) - head;
		n -= n / 2;
		if (n == 0) {
			g = steal_next ? load_next(q) : NULL;
			if (!g)
				return 0;
			if (!swap_next(q, g, NULL))
				continue;
			slot_set(self, tail, g);
			return 1;
		}
		if (n > HALF)
			continue; /* head moved before tail was loaded */
		for (i = 0; i < n; i++)
			slot_set(self, tail + i, slot_get(q, head + i));
		if (commit(q, head, n))
			return n;
	}
}

struct g *runq_steal(struct runq *self, struct runq *victim, bool steal_next)
{
	uint32_t tail = own_tail(self), n;

	/* Also the acquire before the slots of SELF are filled. */
	ASSERT(tail - load_head(self) <= HALF);
	n = grab(victim, self, tail, steal_next);
	if (n == 0)
		return NULL;
	if (n > 1)
		set_tail(self, tail + n - 1);
	return slot_get(self, tail + n - 1);
}

uint32_t runq_len(const struct runq *q)
{
	uint32_t tail, head;
	bool next;

	/* While tail stands still, nothing comes into the ring: head then says what was in it at
	 * its load, and if that is nothing it is still nothing when next is loaded. */
	do {
		tail = atomic_load_explicit(&q->tail, memory_order_acquire);
		head = load_head(q);
		next = load_next(q) != NULL;
	} while (tail != atomic_load_explicit(&q->tail, memory_order_relaxed));
	return tail - head + next;
}

bool runq_empty(const struct runq *q)
{
	return runq_len(q) == 0;
}
