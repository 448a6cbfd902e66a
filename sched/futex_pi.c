/* SPDX-License-Identifier: MIT */
/*
 * The PI operations of futex(2) between Gs: the word names its owner.
 *
 * Priorities are not inherited, for Gs have none; what is kept is the protocol of the word. From the
 * moment that a waiter has set FUTEX_WAITERS, nobody takes the word by itself: only what runs under
 * the bucket's lock changes its owner, and it hands the word on before the new owner runs. A waiter
 * whose park something else has ended is passed over, and will find the word as it then is.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "sched/arch/arch.h"
#include "sched/futex.h"
#include "sched/futex_internal.h"
#include "sched/gtab.h"
#include "sched/sched.h"
#include "sched/signal.h"

static bool waits_pi(const struct waiter *w, const uint32_t *addr)
{
	return w->pi && !w->to && w->addr == addr;
}

/* Give ADDR to the first that still waits, with FLAG in the word, or to nobody. The new owner, which
 * the caller must make ready once the lock is released. */
static struct g *hand_on_locked(struct bucket *b, uint32_t *addr, uint32_t flag)
{
	struct g *owner = NULL;
	uint32_t word = flag;

	for (struct waiter *w = b->head, *next; w; w = next) {
		next = w->next;
		if (!waits_pi(w, addr))
			continue;
		if (owner) {
			word |= FUTEX_WAITERS;
			break;
		}
		struct g *g = w->g;
		uint64_t seq = w->seq;

		/* Off the bucket first: once claimed, the G may run and w be gone. */
		remove_locked(b, w);
		if (park_claim(g, seq, 0)) {
			owner = g;
			word |= (uint32_t)g->tid;
		}
	}
	__atomic_store_n(addr, word, __ATOMIC_SEQ_CST);
	return owner;
}

static bool any_waits_locked(const struct bucket *b, const uint32_t *addr)
{
	for (const struct waiter *w = b->head; w; w = w->next)
		if (waits_pi(w, addr))
			return true;
	return false;
}

/* 0 when G got the word; -EAGAIN when somebody has it, and FUTEX_WAITERS is set: as in the kernel, also
 * where nobody is going to wait. */
static long take_locked(struct bucket *b, struct g *g, uint32_t *addr)
{
	uint32_t v = __atomic_load_n(addr, __ATOMIC_SEQ_CST), want, tid;
	uint32_t mine = (uint32_t)g->tid | (any_waits_locked(b, addr) ? FUTEX_WAITERS : 0);

	do {
		tid = v & FUTEX_TID_MASK;
		if (tid == (uint32_t)g->tid)
			return -EDEADLK;
		want = tid ? v | FUTEX_WAITERS : (v & FUTEX_OWNER_DIED) | mine;
	} while (!__atomic_compare_exchange_n(addr, &v, want, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	if (!tid)
		return 0;
	return gtab_find((int32_t)tid) ? -EAGAIN : -ESRCH;
}

long futex_lock_pi(struct g *g, uint32_t *addr, int64_t deadline, int try)
{
	struct bucket *b = bucket_of(addr);
	struct waiter w = { .g = g, .addr = addr, .pi = true };
	uint32_t v;
	long r;

	/* Before the lock: a fault here must not leave it held. */
	if (arch_copy_user(&v, addr, sizeof v))
		return -EFAULT;
	lock_acquire(&b->lock);
	r = take_locked(b, g, addr);
	if (r != -EAGAIN || try) {
		lock_release(&b->lock);
		return r;
	}
	w.seq = park_prepare(g, WAIT_FUTEX_PI, (uintptr_t)addr);
	insert_locked(b, &w);
	lock_release(&b->lock);
	return futex_park(&w, deadline);
}

long futex_unlock_pi(struct g *g, uint32_t *addr)
{
	struct bucket *b = bucket_of(addr);
	struct g *owner;
	uint32_t v;

	if (arch_copy_user(&v, addr, sizeof v))
		return -EFAULT;
	if ((v & FUTEX_TID_MASK) != (uint32_t)g->tid)
		return -EPERM;
	if ((uintptr_t)addr & 3)
		return -EINVAL;
	/* G owns the word: only it can pass it on, so that what was read stays true. */
	lock_acquire(&b->lock);
	owner = hand_on_locked(b, addr, 0);
	lock_release(&b->lock);
	if (owner)
		sched_ready(owner);
	return 0;
}

long futex_wait_requeue_pi(struct g *g, uint32_t *addr, uint32_t val, uint32_t *lock, int64_t deadline)
{
	struct bucket *b = bucket_of(addr);
	struct waiter w = { .g = g, .addr = addr, .pi = true, .to = lock };
	uint32_t now;
	long r;

	if (addr == lock)
		return -EINVAL;
	/* Before the lock: a fault here must not leave it held. */
	if (arch_copy_user(&now, addr, sizeof now) || arch_copy_user(&now, lock, sizeof now))
		return -EFAULT;
	lock_acquire(&b->lock);
	if (__atomic_load_n(addr, __ATOMIC_SEQ_CST) != val) {
		lock_release(&b->lock);
		return -EAGAIN;
	}
	w.seq = park_prepare(g, WAIT_FUTEX_PI, (uintptr_t)addr);
	insert_locked(b, &w);
	lock_release(&b->lock);
	r = futex_park(&w, deadline);
	return r == -EINTR && !w.to ? -EAGAIN : r;
}

/* W, in B, gets LOCK if that is free, and is moved to its bucket, B2, if not. 1 when something was done
 * for it, 0 when it has ended by itself; who is to be made ready is put on LIST. */
static long move_locked(struct bucket *b, struct bucket *b2, struct waiter *w, uint32_t *lock,
			struct g **list)
{
	struct g *g = w->g, *owner = g;
	uint64_t seq = w->seq;
	long r = take_locked(b2, g, lock);

	if (r == -EAGAIN) {
		remove_locked(b, w);
		w->addr = lock;
		w->to = NULL;
		insert_locked(b2, w);
		return 1;
	}
	if (r)
		return r;
	/* The word is taken in its name, before it is claimed: a G cannot be put back. */
	remove_locked(b, w);
	if (park_claim(g, seq, 0))
		r = 1;
	else
		owner = hand_on_locked(b2, lock, 0);
	if (owner) {
		owner->link = *list;
		*list = owner;
	}
	return r;
}

long futex_requeue_pi(uint32_t *addr, uint32_t *lock, uint32_t m, uint32_t cmp)
{
	struct bucket *b = bucket_of(addr), *b2 = bucket_of(lock);
	struct g *list = NULL;
	uint32_t now;
	long done = 0, r = 0;

	if (addr == lock)
		return -EINVAL;
	if (arch_copy_user(&now, addr, sizeof now) || arch_copy_user(&now, lock, sizeof now))
		return -EFAULT;
	lock_both(b, b2);
	if (__atomic_load_n(addr, __ATOMIC_SEQ_CST) != cmp) {
		unlock_both(b, b2);
		return -EAGAIN;
	}
	for (struct waiter *w = b->head, *next; w && done <= m; w = next) {
		next = w->next;
		if (w->addr != addr || !w->to)
			continue;
		r = w->to == lock ? move_locked(b, b2, w, lock, &list) : -EINVAL;
		if (r < 0)
			break;
		done += r;
		if (!r) /* it may have been NEXT that the word was handed on to */
			next = b->head;
	}
	unlock_both(b, b2);
	while (list) {
		struct g *g = list;

		list = g->link;
		sched_ready(g);
	}
	return done ? done : r;
}

void futex_died_pi(int32_t tid, uint32_t *addr)
{
	struct bucket *b = bucket_of(addr);
	struct g *owner = NULL;
	uint32_t v;

	lock_acquire(&b->lock);
	v = __atomic_load_n(addr, __ATOMIC_SEQ_CST);
	if ((v & FUTEX_TID_MASK) != (uint32_t)tid)
		;
	else if (any_waits_locked(b, addr))
		owner = hand_on_locked(b, addr, FUTEX_OWNER_DIED);
	else /* those that the kernel keeps may wait */
		while (!__atomic_compare_exchange_n(addr, &v, (v & FUTEX_WAITERS) | FUTEX_OWNER_DIED,
						    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
	lock_release(&b->lock);
	if (owner)
		sched_ready(owner);
}
