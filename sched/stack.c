/* SPDX-License-Identifier: MIT */
/* Slabs of stacks: see stack.h. */
#include "sched/stack.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "sched/base/lock.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/types.h"

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
	SLOT_LOST =
		64, /* no longer all ours, for good: the kernel may have put other things there */
};

struct slot {
	char *base;
	struct slab *slab;
	struct slot *link; /* released ones of the class [lock] */
	size_t guard;      /* bytes [holder] */
	_Atomic uint32_t flags;
};

struct class
{
	size_t size;
	struct slot *released; /* last in, first out: the warmest */
	struct slot *cold;     /* released long ago, their pages given back */
	struct slab *fresh;    /* the slab whose slots are not all handed out, or NULL */
	uint32_t next_slots;   /* of the next slab */
	uint32_t n_released;   /* on the list `released` */
	uint32_t idle;         /* the least that n_released was since the last stack_trim() */
};

struct slab {
	struct class *class;
	uint32_t n, n_out; /* slots; those ever handed out [lock] */
	uint32_t n_cold;   /* on the list `cold` [lock] */
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

_Atomic size_t stack_zero_top = 8192;

static struct lock lock; /* of classes and slabs */
static struct class classes[STACK_CLASSES];
static uint32_t n_classes;
static _Atomic(struct table *) tables;
static _Atomic uintptr_t all_lo = UINTPTR_MAX, all_hi; /* no slab lies outside */
static _Atomic bool suspended;

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

/* Most calls are about other memory: see so at once. */
static bool far_away(uintptr_t lo, uintptr_t hi)
{
	return lo >= atomic_load_explicit(&all_hi, memory_order_acquire) ||
	       hi <= atomic_load_explicit(&all_lo, memory_order_acquire);
}

/* The slot that A lies in, if it is ours still; *R is its range. Ranges may overlap, since the
 * kernel may map a new slab where a lost slot was. */
static struct slot *slot_of(uintptr_t a, struct range **r)
{
	struct table *t = first_table();
	uint32_t i = 0;

	if (a == UINTPTR_MAX || far_away(a, a + 1))
		return NULL;
	while ((*r = range_next(&t, &i, a, a + 1))) {
		struct slot *s = &(*r)->slab->slot[(a - (*r)->lo) / (*r)->size];

		if (!(flags_of(s) & SLOT_LOST))
			return s;
	}
	return NULL;
}

bool stack_contains(uintptr_t a)
{
	struct range *r;

	return slot_of(a, &r) != NULL;
}

/* The slot that is exactly [A, A + SIZE). */
static struct slot *slot_at(uintptr_t a, size_t size, struct class **class)
{
	struct range *r;
	struct slot *s = slot_of(a, &r);

	if (!s || r->size != size || (uintptr_t)s->base != a)
		return NULL;
	*class = r->slab->class;
	return s;
}

/* Calls fn(slot, bits) for all slots that [A, A + N) touches. */
static void for_range(uintptr_t a, size_t n, void (*fn)(struct slot *, uint32_t), uint32_t bits)
{
	struct table *t = first_table();
	uint32_t i = 0;
	uintptr_t end = n > UINTPTR_MAX - a ? UINTPTR_MAX : a + n;
	struct range *r;

	if (!n || far_away(a, end))
		return;
	while ((r = range_next(&t, &i, a, end))) {
		uintptr_t lo = a > r->lo ? a : r->lo, hi = end < r->hi ? end : r->hi;

		for (size_t k = (lo - r->lo) / r->size; k <= (hi - 1 - r->lo) / r->size; k++)
			fn(&r->slab->slot[k], bits);
	}
}

/* The guard as it would be without us, so that the program's own mprotect() can undo it. */
static void slot_taint(struct slot *s, uint32_t bits)
{
	uint32_t was = flags_of(s);

	if (was & SLOT_LOST)
		return;
	flags_set(s, bits);
	if ((was & (SLOT_USED | SLOT_MARKED | SLOT_TAINTED)) != (SLOT_USED | SLOT_MARKED) ||
	    !s->guard)
		return;
	if (raw_failed(raw3(SYS_mprotect, s->base, s->guard, PROT_NONE)))
		return;
	raw3(SYS_madvise, s->base, s->guard, GUARD_REMOVE);
	flags_set(s, SLOT_PROTECTED);
	flags_clear(s, SLOT_MARKED);
}

void stack_taint(uintptr_t a, size_t n)
{
	for_range(a, n, slot_taint, SLOT_TAINTED);
}

static void slot_replaced(struct slot *s, uint32_t bits)
{
	flags_set(s, flags_of(s) & SLOT_USED ? SLOT_TAINTED : bits);
}

void stack_replaced(uintptr_t a, size_t n)
{
	for_range(a, n, slot_replaced, SLOT_LOST);
}

void stack_lose(uintptr_t a, size_t n)
{
	for_range(a, n, flags_set, SLOT_LOST);
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
	if (r.lo < atomic_load_explicit(&all_lo, memory_order_relaxed))
		atomic_store_explicit(&all_lo, r.lo, memory_order_release);
	if (r.hi > atomic_load_explicit(&all_hi, memory_order_relaxed))
		atomic_store_explicit(&all_hi, r.hi, memory_order_release);
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

static bool limited(int what)
{
	struct rlimit l;

	return raw_failed(raw4(SYS_prlimit64, 0, what, NULL, &l)) || l.rlim_cur != RLIM_INFINITY;
}

/* Does the kernel count memory that nobody has touched (vm.overcommit_memory, proc(5))? */
static bool overcommit_never(void)
{
	long fd = raw3(SYS_open, "/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC, 0);
	char c = 0;

	if (!raw_failed(fd)) {
		raw3(SYS_read, fd, &c, 1);
		raw1(SYS_close, fd);
	}
	return c == '2';
}

/* When the program's address space is limited, slots in advance, or kept, would take what it
 * counts on. */
static bool space_limited(void)
{
	static int never = -1; /* [lock] */

	if (never < 0)
		never = overcommit_never();
	return never || limited(RLIMIT_AS) || limited(RLIMIT_DATA);
}

/* Is PAGE, just mapped and not touched, there already? Then mlockall(MCL_FUTURE) is in force. */
static bool future_locked(void *page)
{
	unsigned char vec;

	return !raw_failed(raw3(SYS_mincore, page, MEM_PAGE, &vec)) && (vec & 1);
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

/* Not ours any more from before the kernel can map other things there. */
static void slot_unmap(struct slot *s, size_t size)
{
	flags_set(s, SLOT_LOST);
	mem_release(s->base, size);
}

/* A fresh mapping in the place of a slot that the program has changed. If the kernel refuses, the
 * slot is lost. */
static bool slot_renew(struct slot *s, size_t size)
{
	flags_clear(s, SLOT_TAINTED | SLOT_MARKED | SLOT_PROTECTED | SLOT_DIRTY | SLOT_FAT);
	s->guard = 0;
	if (!atomic_load_explicit(&suspended, memory_order_relaxed) && map_slots(s->base, size))
		return true;
	slot_unmap(s, size);
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
	uint32_t n = class->next_slots;
	struct slab *slab;
	char *p = NULL;
	bool locked;

	if (!t || space_limited())
		return NULL;
	while (n > 1 && class->size > SLAB_BYTES_MAX / n)
		n /= 2;
	slab = mem_pages(slab_meta_bytes(n));
	if (!slab)
		return NULL;
	locked = future_locked(slab);
	slab->n = n;
	if (!locked)
		while (slab->n && !(p = map_slab(class->size, slab->n)))
			slab->n /= 2;
	if (!p) {
		mem_release(slab, slab_meta_bytes(n));
		return NULL;
	}
	slab->class = class;
	for (uint32_t i = 0; i < slab->n; i++) {
		slab->slot[i].base = p + i * class->size;
		slab->slot[i].slab = slab;
	}
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
		if (--class->n_released < class->idle)
			class->idle = class->n_released;
		if (!(flags_of(s) & SLOT_LOST))
			return s;
	}
	while ((s = class->cold)) {
		class->cold = s->link;
		s->slab->n_cold--;
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
	class->n_released++;
	lock_release(&lock);
}

void *stack_get(size_t size, size_t guard)
{
	size_t rounded = mem_round(size, MEM_PAGE);
	struct class *class;
	struct slot *s;

	if (!size || size > SLAB_BYTES_MAX ||
	    (guard != STACK_ANY_GUARD && (guard % MEM_PAGE || guard >= rounded)) ||
	    atomic_load_explicit(&suspended, memory_order_relaxed))
		return NULL;
	for (;;) {
		lock_acquire(&lock);
		class = class_of_locked(rounded);
		s = class ? slot_take_locked(class) : NULL;
		if (s)
			flags_set(s, SLOT_USED);
		lock_release(&lock);
		if (!s)
			return NULL;
		if (!(flags_of(s) & SLOT_TAINTED) || slot_renew(s, rounded))
			break;
	}
	if (guard != STACK_ANY_GUARD && !guard_change(s, guard)) {
		flags_clear(s, SLOT_USED);
		slot_release(class, s);
		return NULL;
	}
	if (flags_of(s) & SLOT_DIRTY) {
		size_t n = atomic_load_explicit(&stack_zero_top, memory_order_relaxed);

		if (n > size - s->guard)
			n = size - s->guard;
		mem_zero(s->base + size - n, n);
	} else {
		flags_set(s, SLOT_DIRTY | SLOT_FAT);
	}
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
		stack_lose((uintptr_t)p, size);
		return false;
	}
	/* Of two that unmap the same stack at once, one is first. */
	flags = flags_clear(s, SLOT_USED);
	if (!(flags & SLOT_USED))
		return true;
	if (atomic_load_explicit(&suspended, memory_order_relaxed))
		slot_unmap(s, size);
	else if (!(flags & SLOT_TAINTED) || slot_renew(s, size))
		slot_release(class, s);
	return true;
}

bool stack_protect(uintptr_t a, size_t size, bool none, bool *ok)
{
	struct range *r;
	struct slot *s = slot_of(a, &r);
	size_t off, guard;

	if (!s || a % MEM_PAGE || (flags_of(s) & (SLOT_USED | SLOT_TAINTED)) != SLOT_USED)
		return false;
	size = mem_round(size, MEM_PAGE);
	off = a - (uintptr_t)s->base;
	if (!size || size > r->size - off)
		return false;
	if (none && !off && size < r->size)
		guard = size;
	else if (!none && (off + size == r->size || off + size == s->guard))
		guard = off;
	else
		return false;
	*ok = guard_change(s, guard);
	return true;
}

/* Reads memory that the program may be writing, if it is at fault. */
static bool soiled(const char *page)
{
	uint64_t any = 0;

	for (size_t i = 0; i < MEM_PAGE; i += CACHE_LINE)
		any |= *(const volatile uint64_t *)(page + i);
	return any != 0;
}

bool stack_clean(uintptr_t a, size_t n)
{
	struct range *r;
	struct slot *s = slot_of(a, &r);
	uintptr_t probe = (a + n - STACK_SHALLOW) & ~(uintptr_t)(MEM_PAGE - 1);

	if (!s || (uintptr_t)s->base != a || n > r->size || flags_of(s) & SLOT_TAINTED)
		return false;
	/* The first look at it maps the zero page there, which costs no memory. */
	return n < s->guard + STACK_SHALLOW || !soiled((const char *)probe);
}

void stack_fork_begin(void)
{
	lock_acquire(&lock);
}

void stack_fork_end(void)
{
	lock_release(&lock);
}

/* ---- Giving back ------------------------------------------------------------------------- */

bool stack_trim_pending(void)
{
	bool pending = false;

	lock_acquire(&lock);
	for (uint32_t i = 0; i < n_classes; i++)
		pending |= classes[i].n_released > STACK_KEPT;
	lock_release(&lock);
	return pending;
}

/* The slots at the end of the list, which have not been in use since the last time (Bonwick and
 * Adams, "Magazines and Vmem", 2001, section 3.6: the working set of a cache of magazines). */
static struct slot *idle_slots(struct class *class)
{
	struct slot *list = NULL;
	uint32_t keep;

	lock_acquire(&lock);
	keep = class->n_released - class->idle;
	if (keep < STACK_KEPT)
		keep = STACK_KEPT;
	if (class->n_released > keep) {
		struct slot **at = &class->released;

		for (uint32_t i = 0; i < keep; i++)
			at = &(*at)->link;
		list = *at;
		*at = NULL;
		class->n_released = keep;
	}
	class->idle = class->n_released;
	lock_release(&lock);
	return list;
}

/* When nothing of a slab is in use, its page tables go, too: 4 kB for each stack of the usual
 * size. */
static void slab_renew_locked(struct slab *slab)
{
	for (uint32_t i = 0; i < slab->n; i++)
		if (flags_of(&slab->slot[i]) & SLOT_LOST)
			return;
	if (!map_slots(slab->slot[0].base, slab->n * slab->class->size))
		return;
	for (uint32_t i = 0; i < slab->n; i++) {
		slab->slot[i].guard = 0;
		flags_clear(&slab->slot[i], SLOT_MARKED | SLOT_PROTECTED | SLOT_DIRTY | SLOT_FAT);
	}
}

static void chill_locked(struct class *class, struct slot *list, struct slot *last)
{
	struct slot *behind = class->cold;

	last->link = behind;
	class->cold = list;
	for (struct slot *s = list; s != behind; s = s->link)
		if (++s->slab->n_cold == s->slab->n)
			slab_renew_locked(s->slab);
}

size_t stack_trim(void)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < STACK_CLASSES; i++) {
		struct class *class = &classes[i];
		struct slot *list = class->size ? idle_slots(class) : NULL, *last = NULL;

		for (struct slot *s = list; s; s = s->link) {
			last = s;
			if (!(flags_of(s) & SLOT_FAT) || flags_of(s) & SLOT_LOST)
				continue;
			if (raw_failed(raw3(SYS_madvise, s->base, class->size, MADV_DONTNEED)))
				continue;
			flags_clear(s, SLOT_FAT | SLOT_DIRTY);
			bytes += class->size;
		}
		if (!list)
			continue;
		lock_acquire(&lock);
		chill_locked(class, list, last);
		lock_release(&lock);
	}
	return bytes;
}

static void unmap_list(struct class *class, struct slot *s)
{
	for (; s; s = s->link)
		if (!(flags_of(s) & SLOT_LOST))
			slot_unmap(s, class->size);
}

static void unmap_fresh(struct class *class, struct slab *slab)
{
	for (; slab && slab->n_out < slab->n; slab->n_out++)
		if (!(flags_of(&slab->slot[slab->n_out]) & SLOT_LOST))
			slot_unmap(&slab->slot[slab->n_out], class->size);
}

static void shed(void)
{
	lock_acquire(&lock);
	for (uint32_t i = 0; i < n_classes; i++) {
		struct class *class = &classes[i];

		unmap_list(class, class->released);
		unmap_list(class, class->cold);
		unmap_fresh(class, class->fresh);
		class->released = class->cold = NULL;
		class->fresh = NULL;
		class->n_released = class->idle = 0;
		class->next_slots = SLAB_MIN;
	}
	lock_release(&lock);
}

void stack_suspend(bool yes)
{
	atomic_store(&suspended, yes);
	/* Those in use are unmapped when they are put back. */
	if (yes)
		shed();
}
