/* SPDX-License-Identifier: MIT */
/* patch: see patch.h */
#include "interpose/patch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "interpose/fde.h"
#include "interpose/room.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"

enum {
	/* Of a trampoline, without what was moved: lea, push, jmp; jmp back. */
	CODE_MAX = PATCH_CALL + 5,
	INT3 = 0xcc,
};
_Static_assert(CODE_MAX + SITE_MAX <= ROOM_DATA, "a slot is too small");
_Static_assert(ROOM_KEPT + FDE_KEPT <= ROOM_SLOT, "a slot is too small");

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* since Linux 6.3 */
#endif

/* How far from each other two places may lie, a little less than what rel32 reaches. */
static const uintptr_t REACH = (1UL << 31) - (1UL << 20);

static struct patch_area areas[PATCH_AREAS_MAX];
static _Atomic size_t nareas;

bool patch_contains(uintptr_t pc)
{
	/* Pairs with the release in patch_object(). */
	size_t n = atomic_load_explicit(&nareas, memory_order_acquire);

	for (size_t i = 0; i < n; i++)
		if (pc >= __atomic_load_n(&areas[i].lo, __ATOMIC_RELAXED) &&
		    pc < __atomic_load_n(&areas[i].hi, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* An area that is not in use holds nothing: its lo is beyond its hi, from one store to the next. */
static void area_set(size_t i, const struct patch_area *a)
{
	if (!a) {
		__atomic_store_n(&areas[i].lo, UINTPTR_MAX, __ATOMIC_RELEASE);
		__atomic_store_n(&areas[i].hi, 0, __ATOMIC_RELEASE);
		return;
	}
	areas[i].object = a->object;
	__atomic_store_n(&areas[i].hi, a->hi, __ATOMIC_RELEASE);
	__atomic_store_n(&areas[i].lo, a->lo, __ATOMIC_RELEASE);
}

/* One to use, perhaps the next that never was; PATCH_AREAS_MAX: none. */
static size_t area_free(void)
{
	size_t n = atomic_load_explicit(&nareas, memory_order_relaxed), i;

	for (i = 0; i < n; i++)
		if (!areas[i].hi)
			return i;
	if (n < PATCH_AREAS_MAX)
		area_set(n, NULL);
	return n;
}

static long do_mmap(uintptr_t at, size_t size, int prot, int flags, int fd)
{
	return raw6(SYS_mmap, (long)at, (long)size, prot, flags, fd, 0);
}

/* Memory that held trampolines. The room becomes .bss again, which some read as a whole: collectors of
 * garbage, for one. */
static void give_back(uintptr_t at, size_t size)
{
	if (at - (uintptr_t)patch_room < ROOM_SIZE)
		do_mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			-1);
	else
		raw2(SYS_munmap, at, size);
}

void patch_forget(uintptr_t object)
{
	size_t n = atomic_load_explicit(&nareas, memory_order_relaxed);

	for (size_t i = 0; i < n; i++) {
		const struct patch_area a = areas[i];

		if (!a.hi || a.object != object)
			continue;
		area_set(i, NULL);
		give_back(a.lo, a.hi - a.lo);
	}
}

const struct patch_area *patch_areas(size_t *n)
{
	*n = atomic_load_explicit(&nareas, memory_order_acquire);
	return areas;
}

/* ---- System calls that return what they return ---- */

static int memfd(const char *name)
{
	long fd = raw2(SYS_memfd_create, name, MFD_CLOEXEC | MFD_EXEC);

	if (fd == -EINVAL) /* before Linux 6.3: executable unless it says otherwise */
		fd = raw2(SYS_memfd_create, name, MFD_CLOEXEC);
	return (int)fd;
}

/* All of it, or -errno. */
static long pwrite_all(int fd, const void *buf, size_t n, uint64_t at)
{
	for (size_t done = 0; done < n;) {
		long k = raw4(SYS_pwrite64, fd, (const char *)buf + done, n - done, at + done);

		if (k == -EINTR)
			continue;
		if (k <= 0)
			return k ? k : -EIO;
		done += (size_t)k;
	}
	return 0;
}

/* ---- A place for the trampolines ---- */

struct range {
	uintptr_t lo, hi;
};

/* What the object's headers say it covers. */
static struct range object_range(const struct object *o)
{
	struct range r = { UINTPTR_MAX, 0 };

	for (int i = 0; i < o->phnum; i++) {
		const ElfW(Phdr) *p = &o->phdr[i];
		uintptr_t lo = o->base + p->p_vaddr, hi = lo + p->p_memsz;

		if (p->p_type != PT_LOAD)
			continue;
		r.lo = lo < r.lo ? lo : r.lo;
		r.hi = hi > r.hi ? hi : r.hi;
	}
	return r;
}

static bool reaches(struct range r, uintptr_t at, size_t size)
{
	uintptr_t lo = at < r.lo ? at : r.lo, hi = at + size > r.hi ? at + size : r.hi;

	return hi - lo <= REACH;
}

/* Reserves SIZE bytes at AT, if they are free. */
static bool reserve_at(uintptr_t at, size_t size)
{
	long p = do_mmap(at, size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1);

	if (raw_failed(p))
		return false;
	if ((uintptr_t)p == at)
		return true;
	raw2(SYS_munmap, p, size); /* before Linux 4.17 the address is only a hint */
	return false;
}

/* SIZE bytes of the room, where no area is; 0 when there are none, or R is out of its reach. */
static uintptr_t room_at(struct range r, size_t size)
{
	const uintptr_t lo = (uintptr_t)patch_room, hi = lo + ROOM_SIZE;
	size_t n = atomic_load_explicit(&nareas, memory_order_relaxed);
	uintptr_t at = lo;

	if (!reaches(r, lo, ROOM_SIZE))
		return 0;
	for (size_t i = 0; i < n && hi - at >= size; i++)
		if (areas[i].hi && at < areas[i].hi && at + size > areas[i].lo &&
		    areas[i].lo < hi) {
			at = areas[i].hi;
			i = (size_t)-1; /* look at all again */
		}
	return at < hi && hi - at >= size ? at : 0;
}

/*
 * Reserves SIZE bytes within reach of R, outside of the room; 0 when there are none. The kernel's own
 * choice is mostly right for libraries. Then below the object, closest first, and only at last above it: the heap
 * of the program grows there.
 */
static uintptr_t reserve_near(struct range r, size_t size)
{
	enum { NEAR = 1 << 16, STEP = 1 << 24 };
	long p = do_mmap(0, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (!raw_failed(p)) {
		if (reaches(r, (uintptr_t)p, size))
			return (uintptr_t)p;
		raw2(SYS_munmap, p, size);
	}
	r.lo &= ~(uintptr_t)(MEM_PAGE - 1);
	r.hi = mem_round(r.hi, MEM_PAGE);
	for (uintptr_t d = 0; d < REACH; d = d < STEP ? 2 * d + NEAR : d + STEP) {
		uintptr_t at = r.lo - size - d;

		if (at > r.lo || at < STEP || !reaches(r, at, size))
			break;
		if (reserve_at(at, size))
			return at;
	}
	for (uintptr_t d = NEAR; d < REACH; d = d < STEP ? 2 * d + NEAR : d + STEP) {
		uintptr_t at = r.hi + d;

		if (!reaches(r, at, size))
			break;
		if (reserve_at(at, size))
			return at;
	}
	return 0;
}

/* ---- Writing trampolines ---- */

/*
 * An area: the address of the entry routine, a resume address for each trampoline, then the
 * trampolines. It is written into a buffer and then put where it is to be, so that a place in it
 * has two addresses.
 */
struct area {
	uint8_t *buf;
	uintptr_t at;
	size_t size;
	size_t slot; /* offset of the next resume address */
	size_t code; /* ... and of the next byte of code */
	struct fde_table fdes;
};

static void put(struct area *a, const void *bytes, size_t n)
{
	mem_copy(a->buf + a->code, bytes, n);
	a->code += n;
}

static void put_rel32(uint8_t *at, uintptr_t from, uintptr_t to)
{
	int32_t rel = (int32_t)(to - from);

	mem_copy(at, &rel, sizeof(rel));
}

/* An instruction of two bytes with a RIP-relative operand: the 8 bytes at offset SLOT. */
static void put_indirect(struct area *a, const char opcode[2], size_t slot)
{
	put(a, opcode, 2);
	a->code += 4;
	put_rel32(a->buf + a->code - 4, a->code, slot);
}

/* The bytes [FROM, TO) of S's window, at their new place. */
static void put_moved(struct area *a, const struct object *o, const struct site *s, unsigned from,
		      unsigned to)
{
	uintptr_t window = o->base + s->start;
	size_t here = a->code - from; /* where the window would begin */

	put(a, (const void *)(window + from), to - from);
	if ((s->flags & SITE_RIPREL) && s->rip >= from && s->rip < to) {
		int32_t disp;

		mem_copy(&disp, (const void *)(window + s->rip), sizeof(disp));
		put_rel32(a->buf + here + s->rip, a->at + here + s->rip_end,
			  window + s->rip_end + (uintptr_t)(intptr_t)disp);
	}
}

/* Writes, into the slot that begins at offset BASE and whose lea is at LEA, what unwinders want to know:
 * see room.h. */
static void put_rules(struct area *a, const struct object *o, const struct site *s, size_t base,
		      size_t lea)
{
	uint8_t *slot = a->buf + base;
	struct fde_rules rules;
	struct fde f;
	uint64_t at = (uint64_t)s->start + s->sys;
	uint16_t cfa;

	slot[ROOM_LEA] = (uint8_t)(lea - base);
	slot[ROOM_KIND] = ROOM_NO_RULES;
	mem_zero(slot + ROOM_CFA, ROOM_SLOT - ROOM_CFA);
	if (!fde_find(&a->fdes, at, &f) || !fde_rules(o, &f, at, &rules) || rules.offset < 0 ||
	    rules.offset > UINT16_MAX)
		return;
	for (int i = 0; i < FDE_KEPT; i++) {
		int64_t eighths = -rules.at[i] / 8;

		if (rules.at[i] % 8 || eighths < 0 || eighths > UINT8_MAX)
			return;
		slot[ROOM_KEPT + i] = (uint8_t)eighths;
	}
	cfa = (uint16_t)rules.offset;
	mem_copy(slot + ROOM_CFA, &cfa, sizeof(cfa));
	slot[ROOM_KIND] = rules.by_rbp ? ROOM_BY_RBP : ROOM_BY_RSP;
}

/* Writes the trampoline of S; returns its address. */
static uintptr_t put_trampoline(struct area *a, const struct object *o, const struct site *s)
{
	static const char step_over_red_zone[5] = { 0x48, (char)0x8d, 0x64, 0x24, -PATCH_RED_ZONE };
	static const char push_rip[2] = { (char)0xff, 0x35 }, jmp_rip[2] = { (char)0xff, 0x25 };
	uintptr_t window = o->base + s->start, resume = window + s->len;
	size_t base = a->code, lea;

	put_moved(a, o, s, 0, s->sys);
	lea = a->code;
	put(a, step_over_red_zone, sizeof(step_over_red_zone));
	put_indirect(a, push_rip, a->slot);
	put_indirect(a, jmp_rip, 0);
	if (s->flags & SITE_TAIL) {
		const uint8_t jmp = PATCH_JMP;

		resume = a->at + a->code;
		put_moved(a, o, s, s->sys + 2U, s->len);
		put(a, &jmp, 1);
		a->code += 4;
		put_rel32(a->buf + a->code - 4, a->at + a->code, window + s->len);
	}
	mem_copy(a->buf + a->slot, &resume, sizeof(resume));
	a->slot += sizeof(resume);
	while (a->code < base + ROOM_DATA)
		a->buf[a->code++] = INT3;
	put_rules(a, o, s, base, lea);
	a->code = base + ROOM_SLOT;
	return a->at + base;
}

/* The window of S as it is to be, at BUF, which holds what it is. */
static void put_window(uint8_t *buf, const struct object *o, const struct site *s,
		       uintptr_t trampoline)
{
	unsigned keep = s->flags & (SITE_SPLIT | SITE_TAIL) ? s->len : s->first;

	buf[0] = PATCH_JMP;
	put_rel32(buf + 1, o->base + s->start + 5, trampoline);
	for (unsigned i = 5; i < keep; i++)
		buf[i] = INT3;
}

/* ---- Putting things in place ---- */

/* What is to be done, in memory of its own. */
struct plan {
	const struct object *o;
	const struct site *sites;
	size_t n;
	struct area area;
	uintptr_t *trampolines; /* of each site; 0: skipped */
	uint8_t *scratch;       /* of SCRATCH bytes */
};

enum { SCRATCH = 64 * 1024 };

/* Lays A out at its place, PROT_READ|PROT_EXEC, over what reserves it. */
static long area_install(const struct area *a)
{
	int fd = memfd("gothreads-trampolines");
	long ret = fd;

	if (fd >= 0) {
		ret = pwrite_all(fd, a->buf, a->size, 0);
		if (!ret)
			ret = do_mmap(a->at, a->size, PROT_READ | PROT_EXEC,
				      MAP_PRIVATE | MAP_FIXED, fd);
		raw1(SYS_close, fd);
		if (!raw_failed(ret))
			return 0;
	}

	long anon = do_mmap(a->at, a->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);

	if (raw_failed(anon))
		return ret;
	mem_copy((void *)a->at, a->buf, a->size);
	return raw3(SYS_mprotect, a->at, a->size, PROT_READ | PROT_EXEC);
}

/* Copies text at FROM to the scratch memory, and replaces the windows of sites FIRST up to END. */
static void windows_make(const struct plan *p, uintptr_t from, size_t len, size_t first, size_t end)
{
	mem_copy(p->scratch, (const void *)from, len);
	for (size_t i = first; i < end; i++)
		if (p->trampolines[i])
			put_window(p->scratch + (p->o->base + p->sites[i].start - from), p->o,
				   &p->sites[i], p->trampolines[i]);
}

/* Sites from FIRST on whose windows share pages, or lie on adjacent ones: returns where they end,
 * and what they cover. */
static size_t cluster(const struct plan *p, size_t first, struct range *r)
{
	size_t i = first;

	r->lo = r->hi = p->o->base + p->sites[i].start;
	for (; i < p->n; i++) {
		uintptr_t lo = p->o->base + p->sites[i].start, hi = lo + p->sites[i].len;

		if (lo / MEM_PAGE > r->hi / MEM_PAGE + 1 || hi - r->lo > SCRATCH / 2)
			break;
		r->hi = hi;
	}
	return i;
}

/*
 * Writes the windows, or puts back what was there, through /proc/self/mem. What was there is kept
 * in the private mapping's file, but perhaps changed by others (a debugger's breakpoints): so it is
 * taken from SAVED, the windows one behind the other, which the first call fills.
 */
static long write_by_mem(const struct plan *p, int fd, uint8_t *saved, size_t *written)
{
	struct range r;

	*written = 0;
	for (size_t i = 0, end; i < p->n; i = end) {
		end = cluster(p, i, &r);
		for (size_t k = i; k < end; k++)
			mem_copy(saved + k * SITE_MAX, object_at(p->o, p->sites[k].start),
				 p->sites[k].len);
		windows_make(p, r.lo, r.hi - r.lo, i, end);
		*written = end; /* some of it, should it fail */

		long ret = pwrite_all(fd, p->scratch, r.hi - r.lo, r.lo);

		if (ret)
			return ret;
	}
	return 0;
}

/* 0; or -errno, *CLEAN saying that nothing was changed. */
static long patch_by_mem(const struct plan *p, bool *clean)
{
	size_t size = p->n * SITE_MAX, written;
	uint8_t *saved = mem_pages(size);
	long fd, ret;

	*clean = true;
	if (!saved)
		return -ENOMEM;
	fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
	ret = fd;
	if (fd >= 0) {
		ret = write_by_mem(p, (int)fd, saved, &written);
		for (size_t k = 0; ret && k < written; k++)
			if (pwrite_all((int)fd, saved + k * SITE_MAX, p->sites[k].len,
				       p->o->base + p->sites[k].start) &&
			    *object_at(p->o, p->sites[k].start) != saved[k * SITE_MAX])
				*clean = false;
		raw1(SYS_close, fd);
	}
	mem_release(saved, size);
	return ret;
}

/* Replaces the pages of one segment on which sites FIRST up to END have their windows. */
static long map_segment(const struct plan *p, size_t first, size_t end)
{
	while (first < end && !p->trampolines[first])
		first++;
	while (first < end && !p->trampolines[end - 1])
		end--;
	if (first == end)
		return 0;

	const struct site *last = &p->sites[end - 1];
	uintptr_t lo = (p->o->base + p->sites[first].start) & ~(uintptr_t)(MEM_PAGE - 1);
	uintptr_t hi = mem_round(p->o->base + last->start + last->len, MEM_PAGE);
	int fd = memfd("gothreads-text");
	long ret;

	if (fd < 0)
		return fd;
	ret = pwrite_all(fd, (const void *)lo, hi - lo, 0);
	for (size_t i = first; !ret && i < end; i++) {
		uintptr_t at = p->o->base + p->sites[i].start;

		windows_make(p, at, p->sites[i].len, i, i + 1);
		ret = pwrite_all(fd, p->scratch, p->sites[i].len, at - lo);
	}
	if (!ret)
		ret = do_mmap(lo, hi - lo, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd);
	raw1(SYS_close, fd);
	return raw_failed(ret) ? ret : 0;
}

/* 0 when it could be done for one segment at least (there is hardly ever a second); sites of those
 * for which it could not lose their trampolines. */
static long patch_by_map(const struct plan *p)
{
	long ret = 0, failed = 0;
	bool any = false;

	for (size_t i = 0, end; i < p->n; i = end) {
		const ElfW(Phdr) *seg = object_segment(p->o, p->sites[i].start, 1);

		for (end = i + 1; end < p->n; end++)
			if (object_segment(p->o, p->sites[end].start, 1) != seg)
				break;
		ret = map_segment(p, i, end);
		any |= !ret;
		failed = ret ? ret : failed;
		for (size_t k = i; ret && k < end; k++)
			p->trampolines[k] = 0;
	}
	return any ? 0 : failed;
}

/* ---- The whole ---- */

/* Writes all trampolines into P's buffer. */
static void build(struct plan *p, void (*entry)(void), bool others)
{
	struct area *a = &p->area;

	mem_copy(a->buf, &entry, sizeof(entry));
	a->slot = sizeof(entry);
	a->code = mem_round(a->slot + p->n * sizeof(uintptr_t), ROOM_SLOT);
	fde_open(&a->fdes, p->o);
	for (size_t i = 0; i < p->n; i++)
		if (!others || !(p->sites[i].flags & (SITE_SPLIT | SITE_TAIL)))
			p->trampolines[i] = put_trampoline(a, p->o, &p->sites[i]);

	/* They are rarely as long as they may be. */
	size_t used = mem_round(a->code, MEM_PAGE);

	while (a->code < used)
		a->buf[a->code++] = INT3;
	if (used < a->size)
		give_back(a->at + used, a->size - used);
	a->size = used;
}

/* Changes the object; on failure P's area may be unmapped if *CLEAN. */
static long apply(const struct plan *p, bool others, struct patch_result *r, bool *clean)
{
	long ret = area_install(&p->area);
	size_t k = area_free();

	*clean = true;
	if (ret) {
		r->why = "the system lets nobody make executable memory";
		return ret;
	}
	r->area = (struct patch_area){ p->area.at, p->area.at + p->area.size, p->o->base };
	area_set(k, &r->area);
	/* Pairs with the acquire in patch_contains(). */
	if (k == atomic_load_explicit(&nareas, memory_order_relaxed))
		atomic_store_explicit(&nareas, k + 1, memory_order_release);

	ret = others ? -EBUSY : patch_by_mem(p, clean);
	r->way = PATCH_BY_MEM;
	if (ret) {
		ret = patch_by_map(p);
		r->way = PATCH_BY_MAP;
	}
	if (ret) {
		r->way = PATCH_NONE;
		r->why = "the system lets nobody change executable memory";
		if (*clean) {
			area_set(k, NULL);
			if (k + 1 == atomic_load_explicit(&nareas, memory_order_relaxed))
				atomic_store_explicit(&nareas, k, memory_order_release);
		}
	}
	return ret;
}

int patch_object(const struct object *o, const struct site *s, size_t n, void (*entry)(void),
		 bool others, struct patch_result *r)
{
	struct plan p = { .o = o, .sites = s, .n = n };
	struct area *a = &p.area;
	bool clean = true;
	long ret;

	*r = (struct patch_result){ 0 };
	if (!n)
		return 0;
	if (area_free() == PATCH_AREAS_MAX) {
		r->why = "too many objects are patched already";
		return -ENOSPC;
	}
	a->size = mem_round(sizeof(entry) + n * (sizeof(uintptr_t) + ROOM_SLOT) + ROOM_SLOT,
			    MEM_PAGE);

	const size_t size = a->size + n * sizeof(*p.trampolines) + SCRATCH;
	char *memory = mem_reserve(size);

	if (!memory) {
		r->why = "no memory";
		return -ENOMEM;
	}
	a->buf = (uint8_t *)memory;
	p.trampolines = (uintptr_t *)(memory + a->size);
	p.scratch = (uint8_t *)(p.trampolines + n);
	a->at = room_at(object_range(o), a->size);
	if (!a->at)
		a->at = reserve_near(object_range(o), a->size);
	if (!a->at) {
		r->why = "no memory is free within 2 GiB of it";
		ret = -ENOSPC;
	} else {
		build(&p, entry, others);
		ret = apply(&p, others, r, &clean);
		if (ret && clean) {
			give_back(a->at, a->size);
			r->area = (struct patch_area){ 0 };
		}
	}
	for (size_t i = 0; !ret && i < n; i++) {
		r->patched += p.trampolines[i] != 0;
		r->skipped += !p.trampolines[i];
	}
	mem_release(memory, size);
	return (int)ret;
}
