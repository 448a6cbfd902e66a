/* SPDX-License-Identifier: MIT */
/*
 * futex_waitv(2) between Gs: one park, a waiter in the bucket of every word.
 *
 * The park is prepared before the first word is compared, so that a wake of the first counts while
 * the last is still being looked at. Who claims the park says which waiter it found.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "sched/arch/arch.h"
#include "sched/futex.h"
#include "sched/futex_internal.h"
#include "sched/sched.h"
#include "sched/signal.h"

struct wait_one {
	struct waiter w;
	uint32_t val;
};

static long read_one(struct wait_one *one, const struct futex_waitv *user)
{
	struct futex_waitv v;

	if (arch_copy_user(&v, user, sizeof v))
		return -EFAULT;
	if ((v.flags & ~(uint32_t)(FUTEX_32 | FUTEX_PRIVATE_FLAG)) || !(v.flags & FUTEX_32) ||
	    v.__reserved || v.uaddr & 3 || v.val >> 32)
		return -EINVAL;
	one->w.addr = (uint32_t *)(uintptr_t)v.uaddr;
	one->val = (uint32_t)v.val;
	return 0;
}

static bool enter(struct wait_one *one)
{
	struct bucket *b = bucket_of(one->w.addr);
	bool same;

	lock_acquire(&b->lock);
	same = __atomic_load_n(one->w.addr, __ATOMIC_SEQ_CST) == one->val;
	if (same)
		insert_locked(b, &one->w);
	lock_release(&b->lock);
	return same;
}

long futex_wait_many(struct g *g, const struct futex_waitv *v, uint32_t n, int64_t deadline)
{
	struct wait_one *one = __builtin_alloca(n * sizeof *one); /* 9 KiB at most */
	uint32_t in, word;
	uint64_t seq;
	long r;

	for (uint32_t i = 0; i < n; i++) {
		one[i] = (struct wait_one){ .w = { .g = g, .bitset = FUTEX_BITSET_MATCH_ANY } };
		one[i].w.result = (int32_t)i;
		r = read_one(&one[i], &v[i]);
		if (r)
			return r;
	}
	/* Before any lock: a fault here must not leave it held. */
	for (uint32_t i = 0; i < n; i++)
		if (arch_copy_user(&word, one[i].w.addr, sizeof word))
			return -EFAULT;
	seq = park_prepare(g, WAIT_FUTEX, (uintptr_t)v);
	for (in = 0; in < n; in++) {
		one[in].w.seq = seq;
		if (!enter(&one[in]))
			break;
	}
	if (in < n && park_cancel(g, seq))
		r = -EAGAIN;
	else if (in == n && sig_deliverable(g) && park_cancel(g, seq)) /* B5 */
		r = -EINTR;
	else
		r = in < n || deadline == FUTEX_NEVER ? park(g) : park_until(g, seq, deadline);
	while (in)
		futex_leave(&one[--in].w);
	return r;
}
