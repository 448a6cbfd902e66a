/* SPDX-License-Identifier: MIT */
/*
 * The robust list of a G that ends: what the kernel's exit_robust_list() does for a thread (Linux,
 * kernel/futex/core.c), with our tids. The list is the program's memory and believed in nothing:
 * every pointer is read through arch_copy_user(), and the walk is bounded.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "sched/arch/arch.h"
#include "sched/base/raw.h"
#include "sched/futex.h"
#include "sched/types.h"

/* Bit 0 of a pointer in the list says that the word is a PI one. */
struct entry {
	uintptr_t at;
	bool pi;
};

static bool fetch(struct entry *e, uintptr_t from)
{
	uintptr_t v;

	if (arch_copy_user(&v, (void *)from, sizeof v))
		return false;
	*e = (struct entry){ v & ~(uintptr_t)1, v & 1 };
	return true;
}

/* A robust word may be waited for here, or in the kernel: glibc never calls it private. */
static void wake_one(uint32_t *addr)
{
	futex_wake(addr, 1, FUTEX_BITSET_MATCH_ANY);
	raw3(SYS_futex, addr, FUTEX_WAKE, 1);
}

static bool owns(const struct g *g, uint32_t v)
{
	int32_t tid = (int32_t)(v & FUTEX_TID_MASK);

	return tid == g->tid || (tid && tid == atomic_load(&g->shared_tid));
}

static bool owner_died(const struct g *g, uint32_t *addr, bool pi, bool pending)
{
	uint32_t v;

	if ((uintptr_t)addr & 3 || arch_copy_user(&v, addr, sizeof v))
		return false;
	/* It may have died between its unlocking the word and its wake. */
	if (pending && !pi && !(v & FUTEX_TID_MASK)) {
		wake_one(addr);
		return true;
	}
	if (pi && (v & FUTEX_TID_MASK) == (uint32_t)g->tid) {
		futex_died_pi(g->tid, addr);
		return true;
	}
	do {
		if (!owns(g, v))
			return true;
	} while (!__atomic_compare_exchange_n(addr, &v, (v & FUTEX_WAITERS) | FUTEX_OWNER_DIED,
					      false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	/* A PI word by G's second name: the kernel hands it on when G's M ends. */
	if ((v & FUTEX_WAITERS) && !pi)
		wake_one(addr);
	return true;
}

void futex_exit_robust(struct g *g)
{
	uintptr_t head = (uintptr_t)g->robust;
	struct entry e, next, pending;
	long offset;

	if (!head || g->robust_len != sizeof(struct robust_list_head))
		return;
	if (!fetch(&e, head + offsetof(struct robust_list_head, list)) ||
	    arch_copy_user(&offset,
			   (void *)(head + offsetof(struct robust_list_head, futex_offset)),
			   sizeof offset) ||
	    !fetch(&pending, head + offsetof(struct robust_list_head, list_op_pending)))
		return;
	for (int left = ROBUST_LIST_LIMIT; e.at != head && left; left--) {
		/* Before the word is given away, for then its memory may be too. */
		bool more = fetch(&next, e.at);

		if (e.at != pending.at &&
		    !owner_died(g, (uint32_t *)(e.at + (uintptr_t)offset), e.pi, false))
			return;
		if (!more)
			return;
		e = next;
	}
	if (pending.at)
		owner_died(g, (uint32_t *)(pending.at + (uintptr_t)offset), pending.pi, true);
}
