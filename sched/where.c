/* SPDX-License-Identifier: MIT */
/* Naming addresses. See where.h. The formats are those of elf(5) and the System V gABI. */
#include "sched/where.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "sched/arch/arch.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"

enum {
	SYMBOLS = 32, /* read at a time */
	BUCKETS = 128,
	PHDRS = 32, /* more than any object has */
	PATH = 4096,
	STACK_WORDS = 32,
	STACK_LOOKS = 16,
};

static uintptr_t program_phdrs;
static unsigned program_phnum;

#define PEEK(to, at) mem_peek(&(to), (const void *)(at), sizeof(to))

/* ---- Objects ----------------------------------------------------------------------------- */

/* The text at AT, from its last slash on. */
static void base_name(char name[WHERE_NAME], uintptr_t at)
{
	unsigned n = 0;
	char c;

	for (unsigned i = 0; i < PATH && PEEK(c, at++) && c; i++) {
		if (c == '/')
			n = 0;
		else if (n < WHERE_NAME - 1)
			name[n++] = c;
	}
	name[n] = '\0';
}

static void own_name(char name[WHERE_NAME])
{
	char path[1024];
	long n = raw3(SYS_readlink, "/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	base_name(name, (uintptr_t)path);
}

/* The program headers of the object at BASE, which are mapped with it. */
static bool find_phdrs(uintptr_t base, uintptr_t *phdrs, unsigned *n)
{
	ElfW(Ehdr) e;

	if (!PEEK(e, base) || e.e_ident[EI_MAG0] != ELFMAG0 || e.e_ident[EI_MAG1] != ELFMAG1 ||
	    e.e_ident[EI_MAG2] != ELFMAG2 || e.e_ident[EI_MAG3] != ELFMAG3 ||
	    e.e_phentsize != sizeof(ElfW(Phdr)))
		return false;
	*phdrs = base + e.e_phoff;
	*n = e.e_phnum;
	return true;
}

static bool find_code(struct where_object *o, uintptr_t phdrs, unsigned n)
{
	o->lo = UINTPTR_MAX;
	o->hi = 0;
	for (unsigned i = 0; i < n && i < PHDRS; i++) {
		ElfW(Phdr) ph;
		uintptr_t lo;

		if (!PEEK(ph, phdrs + i * sizeof(ph)))
			return false;
		if (ph.p_type != PT_LOAD || !(ph.p_flags & PF_X))
			continue;
		lo = o->base + ph.p_vaddr;
		if (lo < o->lo)
			o->lo = lo;
		if (lo + ph.p_memsz > o->hi)
			o->hi = lo + ph.p_memsz;
	}
	return o->hi != 0;
}

void where_init(void)
{
	program_phdrs = getauxval(AT_PHDR);
	program_phnum = (unsigned)getauxval(AT_PHNUM);
}

void where_load(struct where_map *map)
{
	uintptr_t at = (uintptr_t)_r_debug.r_map;
	struct link_map link;

	mem_zero(map->known, sizeof(map->known));
	map->n = 0;
	for (bool first = true; at && map->n < WHERE_OBJECTS && PEEK(link, at); first = false) {
		struct where_object *o = &map->objects[map->n];
		uintptr_t phdrs = program_phdrs;
		unsigned n = program_phnum;

		at = (uintptr_t)link.l_next;
		o->base = link.l_addr;
		o->dynamic = (uintptr_t)link.l_ld;
		/* The program itself: it may be linked to an address, and its name is not said. */
		if ((!first && !find_phdrs(o->base, &phdrs, &n)) || !find_code(o, phdrs, n))
			continue;
		if (first)
			own_name(o->name);
		else
			base_name(o->name, (uintptr_t)link.l_name);
		map->n++;
	}
}

static const struct where_object *object_of(const struct where_map *map, uintptr_t pc)
{
	for (unsigned i = 0; i < map->n; i++)
		if (pc >= map->objects[i].lo && pc < map->objects[i].hi)
			return &map->objects[i];
	return NULL;
}

/* ---- Symbols ----------------------------------------------------------------------------- */

struct symbols {
	uintptr_t table, names, hash, gnu_hash;
};

static bool find_symbols(const struct where_object *o, struct symbols *s)
{
	uintptr_t at = o->dynamic;
	ElfW(Dyn) d;

	*s = (struct symbols){ 0 };
	for (; PEEK(d, at) && d.d_tag != DT_NULL; at += sizeof(d)) {
		/* glibc has added the base to all of these, but not in objects it cannot write to. */
		uintptr_t ptr = d.d_un.d_ptr < o->base ? d.d_un.d_ptr + o->base : d.d_un.d_ptr;

		switch (d.d_tag) {
		case DT_SYMTAB:
			s->table = ptr;
			break;
		case DT_STRTAB:
			s->names = ptr;
			break;
		case DT_HASH:
			s->hash = ptr;
			break;
		case DT_GNU_HASH:
			s->gnu_hash = ptr;
			break;
		}
	}
	return s->table && s->names;
}

/* The last symbol is in the chain of the highest bucket, whose end has its lowest bit set. */
static uint32_t count_gnu(uintptr_t hash)
{
	struct {
		uint32_t buckets, first, bloom, shift;
	} head;
	uint32_t buckets[BUCKETS], last = 0, word;
	uintptr_t at;

	if (!PEEK(head, hash))
		return 0;
	at = hash + sizeof(head) + head.bloom * sizeof(ElfW(Addr));
	for (uint32_t i = 0; i < head.buckets; i += BUCKETS) {
		uint32_t n = head.buckets - i < BUCKETS ? head.buckets - i : BUCKETS;

		if (!mem_peek(buckets, (const void *)(at + i * sizeof(word)), n * sizeof(word)))
			return 0;
		for (uint32_t j = 0; j < n; j++)
			if (buckets[j] > last)
				last = buckets[j];
	}
	if (last < head.first)
		return 0;
	at += head.buckets * sizeof(word);
	do {
		if (!PEEK(word, at + (last - head.first) * sizeof(word)))
			return 0;
		last++;
	} while (!(word & 1));
	return last;
}

static uint32_t count_symbols(const struct symbols *s)
{
	uint32_t n;

	if (s->gnu_hash)
		return count_gnu(s->gnu_hash);
	/* The number of chains, the second word of the older table, is that of symbols. */
	return s->hash && PEEK(n, s->hash + sizeof(n)) ? n : 0;
}

static bool covers(const ElfW(Sym) * y, uintptr_t offset)
{
	return y->st_shndx != SHN_UNDEF && offset >= y->st_value &&
	       offset - y->st_value < y->st_size;
}

/* The exported function that PC is in; of several names one that does not begin with '_'. */
static void find_symbol(struct where_known *k)
{
	const struct where_object *o = k->object;
	struct symbols s;
	uint32_t count;

	k->symbol[0] = '\0';
	count = find_symbols(o, &s) ? count_symbols(&s) : 0;
	for (uint32_t i = 0; i < count; i += SYMBOLS) {
		uint32_t n = count - i < SYMBOLS ? count - i : SYMBOLS;
		ElfW(Sym) y[SYMBOLS];

		if (!mem_peek(y, (const void *)(s.table + i * sizeof(*y)), n * sizeof(*y)))
			return;
		for (uint32_t j = 0; j < n; j++) {
			if (!covers(&y[j], k->pc - o->base))
				continue;
			base_name(k->symbol, s.names + y[j].st_name);
			k->into = k->pc - o->base - y[j].st_value;
			if (k->symbol[0] != '_')
				return;
		}
	}
}

static const struct where_known *look_up(struct where_map *map, uintptr_t pc)
{
	struct where_known *k = &map->known[pc / 4 % WHERE_KNOWN];

	if (k->pc != pc || !k->object) {
		k->pc = pc;
		k->object = object_of(map, pc);
		if (k->object)
			find_symbol(k);
	}
	return k;
}

void where_print(struct where_map *map, struct print *p, uintptr_t pc)
{
	const struct where_known *k = look_up(map, pc);

	if (!k->object) {
		print_add(p, "%p", (void *)pc);
		return;
	}
	print_add(p, "%s+0x%lx", k->object->name, pc - k->object->base);
	if (k->symbol[0])
		print_add(p, " (%s+0x%lx)", k->symbol, k->into);
}

/* ---- Callers ----------------------------------------------------------------------------- */

uintptr_t where_caller(const struct where_map *map, uintptr_t sp, uintptr_t pc)
{
	const struct where_object *self = object_of(map, pc);
	uintptr_t words[STACK_WORDS];
	unsigned char before[ARCH_CALL_MAX];

	for (unsigned i = 0; i < STACK_LOOKS; i++, sp += sizeof(words)) {
		if (!PEEK(words, sp))
			return 0;
		for (unsigned j = 0; j < STACK_WORDS; j++) {
			const struct where_object *o = object_of(map, words[j]);

			if (o && o != self &&
			    (words[j] < arch_text_lo || words[j] >= arch_text_hi) &&
			    PEEK(before, words[j] - sizeof(before)) && arch_ends_with_call(before))
				return words[j];
		}
	}
	return 0;
}
