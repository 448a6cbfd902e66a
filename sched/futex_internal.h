/* SPDX-License-Identifier: MIT */
/* The buckets of gfutex, for futex*.c alone. Their invariants are at the head of futex.c. */
#ifndef GOTHREADS_FUTEX_INTERNAL_H
#define GOTHREADS_FUTEX_INTERNAL_H

#include "sched/types.h"

enum { FUTEX_BUCKETS = 1024 };

struct bucket;

struct waiter {
	struct waiter *next, *prev;
	struct g *g;
	uint64_t seq;
	uint32_t *addr;
	uint32_t bitset;
	int32_t result; /* of the park, when it is woken: 0, or the index of a futex_waitv */
	bool pi;        /* waits to own the word; no ordinary wake or requeue sees it */
	uint32_t *to;   /* ... or, if not NULL, to be moved to this one, and then to own it */
	struct bucket *_Atomic bucket; /* NULL when in none [lock: that bucket's] */
};

struct bucket {
	struct lock lock;
	struct waiter *head, *tail;
} __attribute__((aligned(CACHE_LINE)));

extern struct bucket futex_buckets[FUTEX_BUCKETS];

static inline struct bucket *bucket_of(const uint32_t *addr)
{
	/* Knuth's multiplicative hash (TAOCP 6.4) */
	return &futex_buckets[((uintptr_t)addr >> 2) * 2654435769u >> 8 & (FUTEX_BUCKETS - 1)];
}

static inline void insert_locked(struct bucket *b, struct waiter *w)
{
	w->next = NULL;
	w->prev = b->tail;
	if (b->tail)
		b->tail->next = w;
	else
		b->head = w;
	b->tail = w;
	atomic_store_explicit(&w->bucket, b, memory_order_release);
}

/* On its way from B to another bucket W must never be seen in none, or its G would leave. */
static inline void unlink_locked(struct bucket *b, struct waiter *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		b->head = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		b->tail = w->prev;
}

static inline void remove_locked(struct bucket *b, struct waiter *w)
{
	unlink_locked(b, w);
	atomic_store_explicit(&w->bucket, NULL, memory_order_release);
}

/* Two buckets, in order of address. */
static inline void lock_both(struct bucket *a, struct bucket *b)
{
	if (a > b) {
		struct bucket *t = a;

		a = b;
		b = t;
	}
	lock_acquire(&a->lock);
	if (a != b)
		lock_acquire(&b->lock);
}

static inline void unlock_both(struct bucket *a, struct bucket *b)
{
	lock_release(&a->lock);
	if (a != b)
		lock_release(&b->lock);
}

/* Take W off whatever bucket it is in. */
void futex_leave(struct waiter *w);
/* Park W's G, W being in its bucket and that unlocked again, until it is claimed, DEADLINE or a signal;
 * then take W off. What park() says, or -EINTR. */
long futex_park(struct waiter *w, int64_t deadline);

#endif
