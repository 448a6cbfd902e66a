/* SPDX-License-Identifier: MIT */
/* On which processors a G runs. See affinity.h. */
#include "sched/affinity.h"

#include <errno.h>
#include <stddef.h>

#include "sched/arch/arch.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/signal.h"

enum {
	MASK_WORDS = 16, /* 1,024 processors */
	MASKS_MAX = AFFINITY_UNKNOWN,
	CHUNK_MASKS = 32, /* a page */
	CHUNKS = MASKS_MAX / CHUNK_MASKS + 1,
};

struct mask {
	unsigned long word[MASK_WORDS];
};

static struct lock masks_lock;
static struct mask *_Atomic chunks[CHUNKS]; /* [masks_lock] */
static _Atomic uint32_t n_masks;            /* [masks_lock] 0: nobody has been bound */

static struct mask *mask_at(uint32_t i)
{
	return &atomic_load(&chunks[i / CHUNK_MASKS])[i % CHUNK_MASKS];
}

static bool mask_same(const struct mask *a, const struct mask *b)
{
	for (int i = 0; i < MASK_WORDS; i++)
		if (a->word[i] != b->word[i])
			return false;
	return true;
}

/* The number of a mask, or -ENOENT. */
static int find_locked(const struct mask *k)
{
	for (uint32_t i = 0; i < n_masks; i++)
		if (mask_same(mask_at(i), k))
			return (int)i;
	return -ENOENT;
}

static int find_or_add_locked(const struct mask *k)
{
	int i = find_locked(k);

	if (i >= 0)
		return i;
	if (n_masks == MASKS_MAX)
		return -ENOMEM;
	if (!atomic_load(&chunks[n_masks / CHUNK_MASKS])) {
		struct mask *chunk = mem_pages(sizeof *chunk * CHUNK_MASKS);

		if (!chunk)
			return -ENOMEM;
		atomic_store(&chunks[n_masks / CHUNK_MASKS], chunk);
	}
	*mask_at(n_masks) = *k;
	return (int)n_masks++;
}

static long kernel_get(struct mask *k)
{
	mem_zero(k, sizeof *k);
	return raw3(SYS_sched_getaffinity, 0, sizeof *k, k);
}

/* Let the kernel judge a new mask, on this M, and say what it makes of it. Its number or -errno. */
static int try_locked(struct m *m, const struct mask *k)
{
	struct mask real;
	long r = raw3(SYS_sched_setaffinity, 0, sizeof *k, k);
	int i;

	if (raw_failed(r))
		return (int)r;
	m->affinity = AFFINITY_UNKNOWN;
	r = kernel_get(&real);
	if (raw_failed(r))
		return (int)r;
	i = find_or_add_locked(&real);
	if (i >= 0)
		m->affinity = (uint16_t)i;
	return i;
}

long affinity_set(struct g *self, struct g *to, const void *mask, size_t size)
{
	struct mask k = { { 0 } }, all;
	struct m *m = self->m;
	int i = 0;

	if (arch_copy_user(&k, mask, size < sizeof k ? size : sizeof k))
		return -EFAULT;
	lock_acquire(&masks_lock);
	if (n_masks == 0) {
		/* No M has been told anything: this one's is everybody's. */
		i = (int)kernel_get(&all);
		if (i >= 0)
			i = find_or_add_locked(&all);
	}
	if (i >= 0)
		i = find_locked(&k);
	if (i == -ENOENT)
		i = try_locked(m, &k);
	lock_release(&masks_lock);
	if (i >= 0)
		atomic_store(&to->affinity, (uint16_t)i);
	if (atomic_load(&self->affinity) != m->affinity)
		affinity_apply(m, self);
	if (i >= 0 && to != self && (m = to->m) && atomic_load(&m->curg) == to)
		sig_kick(m, true);
	return i < 0 ? i : 0;
}

long affinity_get(struct g *self, const struct g *g, void *mask, size_t size)
{
	uint32_t i = atomic_load(&g->affinity);
	long r = raw3(SYS_sched_getaffinity, 0, size, mask);

	/* All bound to the same, or nobody bound: it is the kernel's answer. */
	if (raw_failed(r) || i == self->m->affinity || n_masks == 0)
		return r;
	return arch_copy_user(mask, mask_at(i),
			      (size_t)r < sizeof(struct mask) ? (size_t)r : sizeof(struct mask))
		       ? -EFAULT
		       : r;
}

void affinity_apply(struct m *m, const struct g *to)
{
	uint16_t i = atomic_load(&to->affinity);

	if (n_masks)
		raw3(SYS_sched_setaffinity, 0, sizeof(struct mask), mask_at(i));
	m->affinity = i;
}

/* Whoever cloned us may be bound: then it saw n_masks before it was. */
void affinity_m_started(struct m *m)
{
	m->affinity = n_masks ? AFFINITY_UNKNOWN : AFFINITY_NONE;
}

void affinity_forked(struct g *g, struct m *m)
{
	atomic_store(&masks_lock.word, 0);
	atomic_store(&n_masks, 0);
	m->affinity = AFFINITY_NONE;
	atomic_store(&g->affinity, AFFINITY_NONE);
}
