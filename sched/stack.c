/* SPDX-License-Identifier: MIT */
/* Slabs of stacks: see stack.h. */
#include "sched/stack.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "sched/base/lock.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"

enum { SLAB_MIN = 16, SLAB_MAX = 1024 }; /* slots */

/* As much address space as 1024 of the usual 8 MiB. */
#define SLAB_BYTES_MAX ((size_t)8 << 30)

/* A page of page-table entries spans this. */
#define TABLE_SPAN ((size_t)2 << 20)

/* Linux 6.13; Debian 12's headers are older. */
enum { GUARD_INSTALL = 102, GUARD_REMOVE = 103 };

/* Bits of slot->flags. Set and cleared by whoever holds the slot, but for TAINTED and LOST, which
 * anybody may set. */
enum {
	SLOT_USED = 1,       /* between get and put */
	SLOT_DIRTY = 2,      /* has been in use since it was mapped */
	SLOT_FAT = 4,        /* has been in use since it was trimmed */
	SLOT_MARKED = 8,     /* has a guard made by GUARD_INSTALL */
	SLOT_PROTECTED = 16, /* has a guard made by mprotect */
	SLOT_TAINTED = 32,
	SLOT_LOST = 64, /* no longer all ours */
};

struct slot {
	char *base;
	struct slot *link; /* released ones of the class [lock] */
	size_t guard;      /* bytes [holder] */
	_Atomic uint32_t flags;
};

struct class
{
	size_t size;
	struct slot *released; /* last in, first out: the warmest */
	struct slab *fresh;    /* the slab whose slots are not all handed out, or NULL */
	uint32_t next_slots;   /* of the next slab */
};

struct slab {
	struct class *class;
	uint32_t n, n_out; /* slots; those ever handed out [lock] */
	struct slot slot[];
};

/* Where slabs lie, for lookups without a lock. Only ever appended to: a range is whole before the
 * release of n (range_add) that the acquire of n in its readers pairs with; likewise a table,
 * before the release of `tables`. */
struct range {
	uintptr_t lo, hi;
	size_t size; /* of a slot */
	struct slab *slab;
};

enum { TABLE_RANGES = (MEM_PAGE - 16) / sizeof(struct range) };

struct table {
	struct table *next; /* older */
	_Atomic uint32_t n;
	struct range range[TABLE_RANGES];
};

_Static_assert(sizeof(struct table) <= MEM_PAGE, "a table is a page");

size_t stack_zero_top = 8192;

static struct lock lock; /* of classes and slabs */
static struct class classes[STACK_CLASSES];
static uint32_t n_classes;
static _Atomic(struct table *) tables;

/* ---- Flags ------------------------------------------------------------------------------- */

static uint32_t flags_of(struct slot *s)
{
	return atomic_load_explicit(&s->flags, memory_order_acquire);
}

static void flags_set(struct slot *s, uint32_t bits)
{
	atomic_fetch_or_explicit(&s->flags, bits, memory_order_acq_rel);
}

/* What the flags were. */
static uint32_t flags_clear(struct slot *s, uint32_t bits)
{
	return atomic_fetch_and_explicit(&s->flags, ~bits, memory_order_acq_rel);
}

/* ---- Lookup ------------------------------------------------------------------------------ */

/* Linear: with slabs of 1024 slots 100,000 threads are a hundred ranges, some 50 ns. */
static struct range *range_next(struct table **t, uint32_t *i, uintptr_t lo, uintptr_t hi)
{
	for (; *t; *t = (*t)->next, *i = 0) {
		uint32_t n = atomic_load_explicit(&(*t)->n, memory_order_acquire);

		while (*i < n) {
			struct range *r = &(*t)->range[(*i)++];

			if (lo < r->hi && hi > r->lo)
				return r;
		}
	}
	return NULL;
}

static struct table *first_table(void)
{
	return atomic_load_explicit(&tables, memory_order_acquire);
}

bool stack_contains(uintptr_t a)
{
	struct table *t = first_table();
	uint32_t i = 0;

	return a != UINTPTR_MAX && range_next(&t, &i, a, a + 1);
}

/* The slot that is exactly [A, A + SIZE). */
static struct slot *slot_at(uintptr_t a, size_t size, struct class **class)
{
	struct table *t = first_table();
	uint32_t i = 0;
	struct range *r = size && a + size > a ? range_next(&t, &i, a, a + size) : NULL;
	struct slot *s;

	if (!r || r->size != size || a < r->lo || (a - r->lo) % size)
		return NULL;
	s = &r->slab->slot[(a - r->lo) / size];
	*class = r->slab->class;
	return flags_of(s) & SLOT_LOST ? NULL : s;
}

/* Sets BITS in all slots that [A, A + N) touches. */
static void mark_range(uintptr_t a, size_t n, uint32_t bits)
{
	struct table *t = first_table();
	uint32_t i = 0;
	uintptr_t end = n > UINTPTR_MAX - a ? UINTPTR_MAX : a + n;
	struct range *r;

	if (!n)
		return;
	while ((r = range_next(&t, &i, a, end))) {
		uintptr_t lo = a > r->lo ? a : r->lo, hi = end < r->hi ? end : r->hi;

		for (size_t k = (lo - r->lo) / r->size; k <= (hi - 1 - r->lo) / r->size; k++)
			flags_set(&r->slab->slot[k], bits);
	}
}

void stack_taint(uintptr_t a, size_t n)
{
	mark_range(a, n, SLOT_TAINTED);
}

/* A table with room for one more range. */
static struct table *table_with_room_locked(void)
{
	struct table *t = first_table();

	if (t && atomic_load_explicit(&t->n, memory_order_relaxed) < TABLE_RANGES)
		return t;
	t = mem_pages(sizeof(*t));
	if (t) {
		t->next = first_table();
		atomic_store_explicit(&tables, t, memory_order_release);
	}
	return t;
}

static void range_add_locked(struct table *t, struct range r)
{
	uint32_t n = atomic_load_explicit(&t->n, memory_order_relaxed);

	t->range[n] = r;
	atomic_store_explicit(&t->n, n + 1, memory_order_release);
}

/* ---- What the kernel does for us --------------------------------------------------------- */

static char *map_slots(char *at, size_t bytes)
{
	long p = raw6(SYS_mmap, (long)at, (long)bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0), -1, 0);

	if (raw_failed(p))
		return NULL;
	/* A huge page would make each touched stack 2 MiB, and its guard would split it. A kernel
	 * without huge pages refuses, and is right. */
	raw3(SYS_madvise, p, bytes, MADV_NOHUGEPAGE);
	return (char *)p;
}

/* Big slots are a multiple of TABLE_SPAN often, and the kernel aligns big mappings to it: then the
 * top of each stack and the guard above it would need a page of page-table entries each. A base in
 * the middle of a span makes them share one, 4 kB a stack less. */
static char *map_slab(size_t size, uint32_t n)
{
	size_t bytes = size * n, before;
	char *p;

	if (size < TABLE_SPAN || n == 1)
		return map_slots(NULL, bytes);
	p = map_slots(NULL, bytes + TABLE_SPAN);
	if (!p)
		return NULL;
	before = (TABLE_SPAN + TABLE_SPAN / 2 - (uintptr_t)p % TABLE_SPAN) % TABLE_SPAN;
	if (before)
		mem_release(p, before);
	mem_release(p + before + bytes, TABLE_SPAN - before);
	return p + before;
}

/* When the program's address space is limited, slots in advance would take what it counts on. */
static bool space_limited(void)
{
	struct rlimit l;

	return raw_failed(raw4(SYS_prlimit64, 0, RLIMIT_AS, NULL, &l)) ||
	       l.rlim_cur != RLIM_INFINITY;
}

static bool guard_on(struct slot *s, size_t from, size_t to)
{
	if (!raw_failed(raw3(SYS_madvise, s->base + from, to - from, GUARD_INSTALL))) {
		flags_set(s, SLOT_MARKED);
		return true;
	}
	if (raw_failed(raw3(SYS_mprotect, s->base + from, to - from, PROT_NONE)))
		return false;
	flags_set(s, SLOT_PROTECTED);
	return true;
}

static bool guard_off(struct slot *s, size_t from, size_t to)
{
	uint32_t flags = flags_of(s);

	if (flags & SLOT_PROTECTED &&
	    raw_failed(raw3(SYS_mprotect, s->base + from, to - from, PROT_READ | PROT_WRITE)))
		return false;
	if (flags & SLOT_MARKED &&
	    raw_failed(raw3(SYS_madvise, s->base + from, to - from, GUARD_REMOVE)))
		return false;
	if (!from)
		flags_clear(s, SLOT_MARKED | SLOT_PROTECTED);
	return true;
}

static bool guard_change(struct slot *s, size_t guard)
{
	bool ok = true;

	if (guard > s->guard)
		ok = guard_on(s, s->guard, guard);
	else if (guard < s->guard)
		ok = guard_off(s, guard, s->guard);
	if (ok)
		s->guard = guard;
	return ok;
}

/* A fresh mapping in the place of a slot that the program has changed. If the kernel refuses, the
 * slot is lost. */
static bool slot_renew(struct slot *s, size_t size)
{
	flags_clear(s, SLOT_TAINTED | SLOT_MARKED | SLOT_PROTECTED | SLOT_DIRTY | SLOT_FAT);
	s->guard = 0;
	if (map_slots(s->base, size))
		return true;
	flags_set(s, SLOT_LOST);
	return false;
}

/* ---- Slots ------------------------------------------------------------------------------- */

static struct class *class_of_locked(size_t size)
{
	for (uint32_t i = 0; i < n_classes; i++)
		if (classes[i].size == size)
			return &classes[i];
	if (n_classes == STACK_CLASSES)
		return NULL;
	classes[n_classes] = (struct class){ .size = size, .next_slots = SLAB_MIN };
	return &classes[n_classes++];
}

static size_t slab_meta_bytes(uint32_t n)
{
	return sizeof(struct slab) + n * sizeof(struct slot);
}

/* A slab for CLASS, smaller the less the kernel has; NULL when it has not even one slot. */
static struct slab *slab_new_locked(struct class *class)
{
	struct table *t = table_with_room_locked();
	uint32_t n = space_limited() ? 1 : class->next_slots;
	struct slab *slab;
	char *p = NULL;

	if (!t)
		return NULL;
	while (n > 1 && class->size > SLAB_BYTES_MAX / n)
		n /= 2;
	slab = mem_pages(slab_meta_bytes(n));
	if (!slab)
		return NULL;
	slab->n = n;
	while (slab->n && !(p = map_slab(class->size, slab->n)))
		slab->n /= 2;
	if (!p) {
		mem_release(slab, slab_meta_bytes(n));
		return NULL;
	}
	slab->class = class;
	for (uint32_t i = 0; i < slab->n; i++)
		slab->slot[i].base = p + i * class->size;
	range_add_locked(t, (struct range){ (uintptr_t)p, (uintptr_t)p + slab->n * class->size,
					    class->size, slab });
	class->next_slots = slab->n * 2 > SLAB_MAX ? SLAB_MAX : slab->n * 2;
	return slab;
}

static struct slot *slot_take_locked(struct class *class)
{
	struct slot *s;

	while ((s = class->released)) {
		class->released = s->link;
		if (!(flags_of(s) & SLOT_LOST))
			return s;
	}
	do {
		if (!class->fresh)
			class->fresh = slab_new_locked(class);
		if (!class->fresh)
			return NULL;
		s = &class->fresh->slot[class->fresh->n_out++];
		if (class->fresh->n_out == class->fresh->n)
			class->fresh = NULL;
	} while (flags_of(s) & SLOT_LOST);
	return s;
}

static void slot_release(struct class *class, struct slot *s)
{
	lock_acquire(&lock);
	s->link = class->released;
	class->released = s;
	lock_release(&lock);
}

void *stack_get(size_t size, size_t guard)
{
	struct class *class;
	struct slot *s;

	if (!size || size % MEM_PAGE || guard % MEM_PAGE || guard >= size || size > SLAB_BYTES_MAX)
		return NULL;
	for (;;) {
		lock_acquire(&lock);
		class = class_of_locked(size);
		s = class ? slot_take_locked(class) : NULL;
		if (s)
			flags_set(s, SLOT_USED);
		lock_release(&lock);
		if (!s)
			return NULL;
		if (!(flags_of(s) & SLOT_TAINTED) || slot_renew(s, size))
			break;
	}
	if (!guard_change(s, guard)) {
		flags_clear(s, SLOT_USED);
		slot_release(class, s);
		return NULL;
	}
	if (flags_of(s) & SLOT_DIRTY) {
		size_t n = stack_zero_top < size - guard ? stack_zero_top : size - guard;

		mem_zero(s->base + size - n, n);
	}
	flags_set(s, SLOT_DIRTY | SLOT_FAT);
	return s->base;
}

bool stack_put(void *p, size_t size)
{
	struct class *class;
	struct slot *s;
	uint32_t flags;

	size = mem_round(size, MEM_PAGE); /* as munmap does */
	s = slot_at((uintptr_t)p, size, &class);
	if (!s) {
		mark_range((uintptr_t)p, size, SLOT_LOST);
		return false;
	}
	/* Of two that unmap the same stack at once, one is first. */
	flags = flags_clear(s, SLOT_USED);
	if (!(flags & SLOT_USED))
		return true;
	if (!(flags & SLOT_TAINTED) || slot_renew(s, size))
		slot_release(class, s);
	return true;
}

bool stack_guard(void *p, size_t size, size_t guard)
{
	struct class *class;
	struct slot *s = slot_at((uintptr_t)p, size, &class);

	if (!s || guard % MEM_PAGE || guard >= size ||
	    (flags_of(s) & (SLOT_USED | SLOT_TAINTED)) != SLOT_USED)
		return false;
	return guard_change(s, guard);
}

/* Whoever held the lock in the parent is not here. What describes the slabs is left behind, since
 * it may be half written. */
void stack_forget(void)
{
	atomic_store_explicit(&tables, NULL, memory_order_release);
	n_classes = 0;
	atomic_store_explicit(&lock.word, 0, memory_order_release);
}

size_t stack_trim(void)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < STACK_CLASSES; i++) {
		struct class *class = &classes[i];
		struct slot *list, **last;

		/* Off the list, so that the lock is not held meanwhile. */
		lock_acquire(&lock);
		list = i < n_classes ? class->released : NULL;
		if (list)
			class->released = NULL;
		lock_release(&lock);
		for (last = &list; *last; last = &(*last)->link) {
			struct slot *s = *last;
			size_t n = class->size - MEM_PAGE;

			if (!(flags_of(s) & SLOT_FAT) || flags_of(s) & SLOT_LOST || n <= s->guard)
				continue;
			if (raw_failed(raw3(SYS_madvise, s->base + s->guard, n - s->guard,
					    MADV_DONTNEED)))
				continue;
			flags_clear(s, SLOT_FAT);
			bytes += n - s->guard;
		}
		if (!list)
			continue;
		lock_acquire(&lock);
		*last = class->released;
		class->released = list;
		lock_release(&lock);
	}
	return bytes;
}
