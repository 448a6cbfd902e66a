/* SPDX-License-Identifier: MIT */
/* names: see names.h */
#include "interpose/names.h"

#include <emmintrin.h>

enum { POSITIONS = 1024 }; /* looked at together, see struct positions */

/* ---- Code ---- */

static inline bool is_near(const struct names *s, uint32_t off)
{
	return in_range(s->text, off) && bit_get(s->near, (off - s->text.lo) / NAMES_GRAIN);
}

/* The bytes that end at END name TARGET, in the manner of KIND. */
static inline void name(struct names *s, uint32_t target, uint32_t end, enum name_kind kind)
{
	if (is_near(s, target))
		s->visit(s->arg, &(struct name){ .target = target, .end = end, .kind = kind });
}

/* A lea takes the address AT: a jump table, if it lies in constant memory and looks like one. */
static inline void name_table(struct names *s, uint32_t at, uint32_t end)
{
	if (at % 4)
		return;
	for (unsigned i = 0; i < s->nconstant; i++) {
		struct range r = s->constant[i];

		if (!in_range(r, at))
			continue;
		for (uint32_t k = at; r.hi - k >= 4; k += 4) {
			uint32_t target = at + load32(object_at(s->o, k));

			if (!in_range(s->text, target))
				break;
			if (k == at && s->ntables < NAMES_TABLES)
				s->tables[s->ntables++] = (struct table){ at, end };
			if (is_near(s, target))
				s->visit(s->arg, &(struct name){ .target = target,
								 .end = end,
								 .table = at,
								 .entry = k,
								 .kind = NAME_TABLE });
		}
		return;
	}
}

/* What the branch at OFF, whose bytes are P, leads to: call and jmp have one byte of opcode, a
 * conditional jump two. */
static inline void name_branch(struct names *s, const uint8_t *p, uint32_t off)
{
	uint32_t opcode = (p[0] & 0xfe) == 0xe8 ? 1 : 2, end = off + opcode + 4;

	name(s, end + load32(p + opcode), end, p[0] == 0xe8 ? NAME_CALL : NAME_JUMP);
}

/* And a RIP-relative lea. */
static inline void name_lea(struct names *s, const uint8_t *p, uint32_t off)
{
	uint32_t end = off + 6, target = end + load32(p + 2);

	name(s, target, end, NAME_LEA);
	name_table(s, target, end);
}

/* Which of the 64 bytes at P begin a call or jump (rel32), which a RIP-relative lea (without its
 * REX prefix)? Masks, for one branch of our own per byte would cost more than all the rest. */
static inline void patterns(const uint8_t *p, uint64_t *branches, uint64_t *leas)
{
	const __m128i be8 = _mm_set1_epi8((char)0xe8), bfe = _mm_set1_epi8((char)0xfe);
	const __m128i b0f = _mm_set1_epi8(0x0f), bf0 = _mm_set1_epi8((char)0xf0);
	const __m128i b80 = _mm_set1_epi8((char)0x80), b8d = _mm_set1_epi8((char)0x8d);
	const __m128i bc7 = _mm_set1_epi8((char)0xc7), b05 = _mm_set1_epi8(0x05);

	*branches = *leas = 0;
	for (unsigned i = 0; i < 64; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + i));
		__m128i w = _mm_loadu_si128((const __m128i *)(p + i + 1));
		__m128i one = _mm_cmpeq_epi8(_mm_and_si128(v, bfe), be8);
		__m128i two = _mm_and_si128(_mm_cmpeq_epi8(v, b0f),
					    _mm_cmpeq_epi8(_mm_and_si128(w, bf0), b80));
		__m128i lea = _mm_and_si128(_mm_cmpeq_epi8(v, b8d),
					    _mm_cmpeq_epi8(_mm_and_si128(w, bc7), b05));

		*branches |= (uint64_t)_mm_movemask_epi8(_mm_or_si128(one, two)) << i;
		*leas |= (uint64_t)_mm_movemask_epi8(lea) << i;
	}
}

/* Positions, collected before they are looked at: how many a mask has cannot be predicted, and a
 * misprediction per mask would cost as much as all the rest. So FEW are always written, valid or
 * not. */
struct positions {
	uint32_t n;
	uint32_t at[POSITIONS + 64];
};

static inline unsigned popcount(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	return (unsigned)(((v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56);
}

static inline void positions_add(struct positions *p, uint64_t mask, uint32_t at, unsigned few)
{
	uint32_t *out = p->at + p->n;

	p->n += popcount(mask);
	for (unsigned i = 0; i < few; i++) {
		*out++ = at + (uint32_t)__builtin_ctzll(mask | 1ULL << 63);
		mask &= mask - 1;
	}
	for (; __builtin_expect(mask != 0, 0); mask &= mask - 1)
		*out++ = at + (uint32_t)__builtin_ctzll(mask);
}

static void names_in_text(struct names *s, const ElfW(Phdr) * seg)
{
	const uint8_t *b = object_at(s->o, seg->p_vaddr);
	uint32_t n = (uint32_t)seg->p_filesz, off = (uint32_t)seg->p_vaddr, k = 0;
	struct positions branches, leas;
	uint64_t branch_mask, lea_mask;

	for (bool more = true; more;) {
		branches.n = leas.n = 0;
		for (; branches.n < POSITIONS && leas.n < POSITIONS && (more = n - k >= 64 + 6);
		     k += 64) {
			patterns(b + k, &branch_mask, &lea_mask);
			positions_add(&branches, branch_mask, k, 4);
			positions_add(&leas, lea_mask, k, 2);
		}
		for (uint32_t i = 0; i < branches.n; i++)
			name_branch(s, b + branches.at[i], off + branches.at[i]);
		for (uint32_t i = 0; i < leas.n; i++)
			name_lea(s, b + leas.at[i], off + leas.at[i]);
	}

	/* What begins in the last bytes and runs past them is no instruction; with zeroes behind it
	 * names something harmless. */
	uint8_t rest[2 * 64 + 8] = { 0 };

	b += k;
	off += k;
	n -= k;
	memcpy(rest, b, n);
	for (unsigned i = 0; i < n; i += 64) {
		patterns(rest + i, &branch_mask, &lea_mask);
		for (; branch_mask; branch_mask &= branch_mask - 1) {
			unsigned at = i + (unsigned)__builtin_ctzll(branch_mask);

			name_branch(s, rest + at, off + at);
		}
		for (; lea_mask; lea_mask &= lea_mask - 1) {
			unsigned at = i + (unsigned)__builtin_ctzll(lea_mask);

			name_lea(s, rest + at, off + at);
		}
	}
}

/* ---- Data ---- */

/* A value of the dynamic section, or of relocated memory, as an offset from base. */
static uint64_t unrelocated(const struct object *o, uint64_t v)
{
	return v >= o->base ? v - o->base : v;
}

static void name_data(struct names *s, uint64_t off)
{
	if (off <= UINT32_MAX)
		name(s, (uint32_t)off, 0, NAME_DATA);
}

/* What the dynamic section says, all of it or nothing: offsets. */
struct dynamic {
	uint64_t rela, rela_size, relr, relr_size, symbols, hash, gnu_hash;
};

static void dynamic_read(const struct object *o, struct dynamic *d)
{
	const ElfW(Phdr) *p = object_header(o, PT_DYNAMIC);

	*d = (struct dynamic){ 0 };
	if (!p || !object_segment(o, p->p_vaddr, p->p_filesz))
		return;

	const ElfW(Dyn) *e = (const ElfW(Dyn) *)object_at(o, p->p_vaddr);

	for (size_t i = 0; i < p->p_filesz / sizeof(*e) && e[i].d_tag != DT_NULL; i++) {
		uint64_t v = e[i].d_un.d_val;

		switch (e[i].d_tag) {
		case DT_RELA:
			d->rela = unrelocated(o, v);
			break;
		case DT_RELASZ:
			d->rela_size = v;
			break;
		case DT_RELR:
			d->relr = unrelocated(o, v);
			break;
		case DT_RELRSZ:
			d->relr_size = v;
			break;
		case DT_SYMTAB:
			d->symbols = unrelocated(o, v);
			break;
		case DT_HASH:
			d->hash = unrelocated(o, v);
			break;
		case DT_GNU_HASH:
			d->gnu_hash = unrelocated(o, v);
			break;
		}
	}
}

/* A pointer at OFF, that the loader relocates. */
static void name_place(struct names *s, uint64_t off)
{
	if (object_segment(s->o, off, 8))
		name_data(s, unrelocated(s->o, load64(object_at(s->o, off))));
}

static void names_in_relocations(struct names *s, const struct dynamic *d)
{
	if (d->rela && object_segment(s->o, d->rela, d->rela_size)) {
		const ElfW(Rela) *r = (const ElfW(Rela) *)object_at(s->o, d->rela);

		for (size_t i = 0; i < d->rela_size / sizeof(*r); i++) {
			uint64_t symbol = d->symbols + ELF64_R_SYM(r[i].r_info) * sizeof(ElfW(Sym));
			uint64_t type = ELF64_R_TYPE(r[i].r_info);

			if (type == R_X86_64_RELATIVE || type == R_X86_64_IRELATIVE)
				name_data(s, (uint64_t)r[i].r_addend);
			else if (type == R_X86_64_64 &&
				 object_segment(s->o, symbol, sizeof(ElfW(Sym))))
				name_data(s,
					  ((const ElfW(Sym) *)object_at(s->o, symbol))->st_value +
						  (uint64_t)r[i].r_addend);
		}
	}
	if (d->relr && object_segment(s->o, d->relr, d->relr_size)) {
		const uint64_t *r = (const uint64_t *)object_at(s->o, d->relr);
		uint64_t where = 0;

		for (size_t i = 0; i < d->relr_size / sizeof(*r); i++) {
			if (!(r[i] & 1)) {
				name_place(s, r[i]);
				where = r[i] + 8;
				continue;
			}
			for (uint64_t bits = r[i] >> 1; bits; bits &= bits - 1)
				name_place(s, where + 8 * (unsigned)__builtin_ctzll(bits));
			where += 8 * 63;
		}
	}
}

/* How many symbols: the table itself does not say, its hash tables do. */
static uint32_t count_symbols(const struct object *o, const struct dynamic *d)
{
	if (d->hash && object_segment(o, d->hash, 8))
		return load32(object_at(o, d->hash) + 4);
	if (!d->gnu_hash || !object_segment(o, d->gnu_hash, 16))
		return 0;

	const uint8_t *h = object_at(o, d->gnu_hash);
	uint32_t nbuckets = load32(h), first = load32(h + 4), bloom = load32(h + 8), last = 0;
	uint64_t buckets = d->gnu_hash + 16 + 8ULL * bloom, chains = buckets + 4ULL * nbuckets;

	if (!object_segment(o, buckets, 4ULL * nbuckets))
		return 0;
	for (uint32_t i = 0; i < nbuckets; i++) {
		uint32_t b = load32(object_at(o, buckets + 4ULL * i));

		last = b > last ? b : last;
	}
	if (last < first)
		return first;
	for (;; last++) {
		uint64_t at = chains + 4ULL * (last - first);

		if (!object_segment(o, at, 4) || (load32(object_at(o, at)) & 1))
			return last + 1;
	}
}

static void names_in_symbols(struct names *s, const struct dynamic *d)
{
	uint32_t n = count_symbols(s->o, d);

	if (!d->symbols || !object_segment(s->o, d->symbols, (uint64_t)n * sizeof(ElfW(Sym))))
		return;

	const ElfW(Sym) *y = (const ElfW(Sym) *)object_at(s->o, d->symbols);

	for (uint32_t i = 0; i < n; i++)
		if (y[i].st_shndx != SHN_UNDEF && y[i].st_shndx != SHN_ABS)
			name_data(s, y[i].st_value);
}

void names_find(struct names *s)
{
	struct dynamic d;

	s->ntables = s->nconstant = 0;
	for (int i = 0; i < s->o->phnum; i++) {
		const ElfW(Phdr) *p = &s->o->phdr[i];

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && p->p_filesz &&
		    s->nconstant < NAMES_CONSTANT)
			s->constant[s->nconstant++] =
				(struct range){ (uint32_t)p->p_vaddr,
						(uint32_t)(p->p_vaddr + p->p_filesz) };
	}
	for (int i = 0; i < s->o->phnum; i++)
		if (object_is_text(&s->o->phdr[i]))
			names_in_text(s, &s->o->phdr[i]);
	dynamic_read(s->o, &d);
	names_in_relocations(s, &d);
	names_in_symbols(s, &d);
}
