/* SPDX-License-Identifier: MIT */
/*
 * Which memory other processes may see.
 *
 * A futex word without FUTEX_PRIVATE_FLAG belongs to the kernel only where another process may wait
 * on it: in a shared mapping. libstdc++'s guards and glibc's join use such futexes on private
 * memory, and those are ours. So shared mappings are remembered: those of the maps file at the
 * start, and every MAP_SHARED since. One that is gone stays remembered: its futexes then take the
 * kernel's way, which is slower and right.
 */
#include "interpose/seam.h"

#include <stddef.h>
#include <sys/mman.h>

#include "sched/base/lock.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/stack.h"

enum { SHARED_MAX = 4096 };

static struct {
	uintptr_t lo, hi;
} shared[SHARED_MAX];
static _Atomic uint32_t n_shared;
static struct lock shared_lock;

void memory_note_shared(uintptr_t lo, size_t size)
{
	uint32_t n;

	lock_acquire(&shared_lock);
	n = atomic_load_explicit(&n_shared, memory_order_relaxed);
	for (uint32_t i = 0; i < n; i++)
		if (shared[i].lo == lo && shared[i].hi >= lo + size) {
			lock_release(&shared_lock);
			return;
		}
	/* The table full: from here on everything counts as shared. */
	if (n == SHARED_MAX)
		shared[n - 1].lo = 0, shared[n - 1].hi = UINTPTR_MAX;
	else {
		shared[n].lo = lo;
		shared[n].hi = lo + size;
		atomic_store_explicit(&n_shared, n + 1, memory_order_release);
	}
	lock_release(&shared_lock);
}

void memory_forked(void)
{
	atomic_store(&shared_lock.word, 0);
}

bool memory_is_shared(uintptr_t a)
{
	uint32_t n = atomic_load_explicit(&n_shared, memory_order_acquire);

	for (uint32_t i = 0; i < n; i++)
		if (a >= shared[i].lo && a < shared[i].hi)
			return true;
	return false;
}

long sys_mmap(struct g *g, struct seam *s)
{
	long r = seam_make_stack(g, s);

	if (r)
		return r;
	r = seam_raw(s);
	if (raw_failed(r))
		return r;
	if (s->arg[3] & MAP_SHARED)
		memory_note_shared((uintptr_t)r, mem_round((size_t)s->arg[1], MEM_PAGE));
	if (s->arg[3] & MAP_FIXED)
		stack_replaced((uintptr_t)r, (size_t)s->arg[1]);
	return r;
}

long sys_mremap(struct g *g, struct seam *s)
{
	bool was = memory_is_shared((uintptr_t)s->arg[0]);
	long r;

	(void)g;
	stack_lose((uintptr_t)s->arg[0], (size_t)s->arg[1]);
	r = seam_raw(s);
	if (!raw_failed(r) && (s->arg[3] & MREMAP_FIXED))
		stack_replaced((uintptr_t)r, (size_t)s->arg[2]);
	if (!raw_failed(r) && was)
		memory_note_shared((uintptr_t)r, mem_round((size_t)s->arg[2], MEM_PAGE));
	return r;
}

/* The size of a segment is not told: count the largest thinkable. */
long sys_shmat(struct g *g, struct seam *s)
{
	long r = seam_raw(s);

	(void)g;
	if (!raw_failed(r))
		memory_note_shared((uintptr_t)r, (size_t)1 << 30);
	return r;
}
