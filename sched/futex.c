/* SPDX-License-Identifier: MIT */
/*
 * gfutex: waiters in hashed buckets, first come first woken.
 *
 * A waiter lies on the stack of its parked G. It is enqueued under its bucket's lock after the word
 * was compared there; wakers dequeue under the same lock and then try to claim the park: a waiter
 * whose park a timer or a signal has ended first does not count as woken, and the waker goes on to
 * the next. Every G, on its way out, takes its waiter off the bucket it is in by then, if it still
 * is in one; a requeue changes w->bucket under both locks, so the bucket is read again once locked.
 *
 * No lost wake-up: a waker changes the word, then locks the bucket. The waiter locks the bucket,
 * then compares. Whichever lock comes second sees the other's work.
 */
#include "sched/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "sched/arch/arch.h"
#include "sched/futex_internal.h"
#include "sched/sched.h"
#include "sched/signal.h"
#include "sched/types.h"

struct bucket futex_buckets[FUTEX_BUCKETS];

void futex_leave(struct waiter *w)
{
	struct bucket *b;

	while ((b = atomic_load_explicit(&w->bucket, memory_order_acquire))) {
		lock_acquire(&b->lock);
		if (atomic_load_explicit(&w->bucket, memory_order_relaxed) == b)
			remove_locked(b, w);
		lock_release(&b->lock);
	}
}

long futex_park(struct waiter *w, int64_t deadline)
{
	struct g *g = w->g;
	long r;

	/* B5: the park is published, then signals are looked at; a sender does the reverse. */
	if (sig_deliverable(g) && park_cancel(g, w->seq))
		r = -EINTR;
	else
		r = deadline == FUTEX_NEVER ? park(g) : park_until(g, w->seq, deadline);
	futex_leave(w);
	return r;
}

long futex_wait(struct g *g, uint32_t *addr, uint32_t val, uint32_t bitset, int64_t deadline)
{
	struct bucket *b = bucket_of(addr);
	struct waiter w = { .g = g, .addr = addr, .bitset = bitset };
	uint32_t now;

	if (!bitset)
		return -EINVAL;
	/* Before the lock: a fault here must not leave it held. */
	if (arch_copy_user(&now, addr, sizeof now))
		return -EFAULT;
	if (now != val)
		return -EAGAIN;
	lock_acquire(&b->lock);
	if (__atomic_load_n(addr, __ATOMIC_SEQ_CST) != val) {
		lock_release(&b->lock);
		return -EAGAIN;
	}
	w.seq = park_prepare_unordered(g, WAIT_FUTEX, (uintptr_t)addr);
	insert_locked(b, &w);
	lock_release(&b->lock);
	arch_fence_after_rmw(); /* B5, in futex_park() */
	return futex_park(&w, deadline);
}

/* Claim up to N waiters of ADDR; those got are linked by g->link. */
static uint32_t take_locked(struct bucket *b, uint32_t *addr, uint32_t n, uint32_t bitset,
			    struct g ***tail)
{
	uint32_t got = 0;

	for (struct waiter *w = b->head, *next; w && got < n; w = next) {
		next = w->next;
		if (w->addr != addr || w->pi || !(w->bitset & bitset))
			continue;
		struct g *g = w->g;
		uint64_t seq = w->seq;
		int32_t result = w->result;

		/* Off the bucket first: once claimed, the G may run and w be gone. */
		remove_locked(b, w);
		if (!park_claim(g, seq, result))
			continue;
		g->link = NULL;
		**tail = g;
		*tail = &g->link;
		got++;
	}
	return got;
}

static void ready_list(struct g *g)
{
	while (g) {
		struct g *next = g->link;

		sched_ready(g);
		g = next;
	}
}

/* The kernel wakes one before it compares with a count that is 0 or, as an int, less. */
static uint32_t wake_count(uint32_t n)
{
	return (int32_t)n < 1 ? 1 : n;
}

long futex_wake(uint32_t *addr, uint32_t n, uint32_t bitset)
{
	struct bucket *b = bucket_of(addr);
	struct g *list = NULL, **tail = &list;
	uint32_t got;

	if (!bitset)
		return -EINVAL;
	lock_acquire(&b->lock);
	got = take_locked(b, addr, wake_count(n), bitset, &tail);
	lock_release(&b->lock);
	ready_list(list);
	return got;
}

long futex_requeue(uint32_t *addr, uint32_t *to, uint32_t n, uint32_t m, const uint32_t *cmp)
{
	struct bucket *b = bucket_of(addr), *b2 = bucket_of(to);
	struct g *list = NULL, **tail = &list;
	uint32_t now, got, moved = 0;

	if ((int32_t)n < 0 || (int32_t)m < 0)
		return -EINVAL;
	if (arch_copy_user(&now, addr, sizeof now))
		return -EFAULT;
	lock_both(b, b2);
	if (cmp && __atomic_load_n(addr, __ATOMIC_SEQ_CST) != *cmp) {
		unlock_both(b, b2);
		return -EAGAIN;
	}
	got = take_locked(b, addr, n, FUTEX_BITSET_MATCH_ANY, &tail);
	for (struct waiter *w = b->head, *next; w && moved < m; w = next) {
		next = w->next;
		if (w->addr != addr || w->pi)
			continue;
		moved++;
		if (addr == to)
			continue;
		unlink_locked(b, w);
		w->addr = to;
		insert_locked(b2, w);
	}
	unlock_both(b, b2);
	ready_list(list);
	return got + moved;
}

static bool wake_op_apply(uint32_t *addr, uint32_t op, uint32_t *old)
{
	uint32_t arg = op >> 12 & 0xfff;

	arg = (arg ^ 0x800) - 0x800; /* twelve bits, signed */
	if (op >> 28 & FUTEX_OP_OPARG_SHIFT)
		arg = 1u << (arg & 31);
	switch (op >> 28 & 7) {
	case FUTEX_OP_SET:
		*old = __atomic_exchange_n(addr, arg, __ATOMIC_SEQ_CST);
		return true;
	case FUTEX_OP_ADD:
		*old = __atomic_fetch_add(addr, arg, __ATOMIC_SEQ_CST);
		return true;
	case FUTEX_OP_OR:
		*old = __atomic_fetch_or(addr, arg, __ATOMIC_SEQ_CST);
		return true;
	case FUTEX_OP_ANDN:
		*old = __atomic_fetch_and(addr, ~arg, __ATOMIC_SEQ_CST);
		return true;
	case FUTEX_OP_XOR:
		*old = __atomic_fetch_xor(addr, arg, __ATOMIC_SEQ_CST);
		return true;
	}
	return false;
}

static bool wake_op_compare(uint32_t op, uint32_t old, bool *holds)
{
	int32_t arg = (int32_t)(((op & 0xfff) ^ 0x800) - 0x800), v = (int32_t)old;

	switch (op >> 24 & 15) {
	case FUTEX_OP_CMP_EQ:
		*holds = v == arg;
		return true;
	case FUTEX_OP_CMP_NE:
		*holds = v != arg;
		return true;
	case FUTEX_OP_CMP_LT:
		*holds = v < arg;
		return true;
	case FUTEX_OP_CMP_LE:
		*holds = v <= arg;
		return true;
	case FUTEX_OP_CMP_GT:
		*holds = v > arg;
		return true;
	case FUTEX_OP_CMP_GE:
		*holds = v >= arg;
		return true;
	}
	return false;
}

long futex_wake_op(uint32_t *addr, uint32_t *addr2, uint32_t n, uint32_t n2, uint32_t op)
{
	struct bucket *b = bucket_of(addr), *b2 = bucket_of(addr2);
	struct g *list = NULL, **tail = &list;
	uint32_t old, got;
	bool holds;

	if (arch_copy_user(&old, addr2, sizeof old))
		return -EFAULT;
	lock_both(b, b2);
	/* As in the kernel, a comparison that there is not leaves the operation done. */
	if (!wake_op_apply(addr2, op, &old) || !wake_op_compare(op, old, &holds)) {
		unlock_both(b, b2);
		return -ENOSYS;
	}
	got = take_locked(b, addr, wake_count(n), FUTEX_BITSET_MATCH_ANY, &tail);
	if (holds)
		got += take_locked(b2, addr2, wake_count(n2), FUTEX_BITSET_MATCH_ANY, &tail);
	unlock_both(b, b2);
	ready_list(list);
	return got;
}

void futex_thread_ended(int32_t *clear_tid)
{
	/* From the store on the memory may be gone; the wake only compares the address. */
	__atomic_store_n(clear_tid, 0, __ATOMIC_SEQ_CST);
	futex_wake((uint32_t *)clear_tid, INT32_MAX, FUTEX_BITSET_MATCH_ANY);
}

struct g *futex_thread_joiner(int32_t *clear_tid)
{
	struct bucket *b = bucket_of((uint32_t *)clear_tid);
	struct g *g = NULL, **tail = &g;

	lock_acquire(&b->lock);
	take_locked(b, (uint32_t *)clear_tid, 1, FUTEX_BITSET_MATCH_ANY, &tail);
	lock_release(&b->lock);
	return g;
}

void futex_forked(void)
{
	for (int i = 0; i < FUTEX_BUCKETS; i++) {
		atomic_store_explicit(&futex_buckets[i].lock.word, 0, memory_order_relaxed);
		futex_buckets[i].head = futex_buckets[i].tail = NULL;
	}
}
