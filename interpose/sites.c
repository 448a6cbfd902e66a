/* SPDX-License-Identifier: MIT */
/*
 * sites: see sites.h
 *
 * The order of work is the order of cost. Most of an object is only ever looked at sixteen bytes
 * at a time, and only functions that hold a site of interest are decoded, each once:
 *
 *	find_raw	where are the bytes 0f 05?
 *	find_funcs	which functions hold those that may be wanted?
 *	find_names	who, outside of these functions, names an address inside one of them?
 *	decode		the function's instructions, its own branches
 *	site_*		number, window, flags of each syscall in it
 */
#include "interpose/sites.h"

#include <emmintrin.h>
#include <errno.h>

#include "interpose/decoder.h"
#include "interpose/fde.h"
#include "interpose/names.h"
#include "sched/base/mem.h"

enum {
	RAW_MAX = 1 << 16,     /* byte pairs 0f 05 in an object */
	HITS_MAX = 1 << 16,    /* addresses inside functions of interest that are named elsewhere */
	FUNC_MAX = 256 * 1024, /* bytes of a function that is decoded */
	INSNS_MAX = FUNC_MAX,  /* its instructions */
	STRAIGHT_MAX = 32,     /* instructions between mov $nr,%eax and syscall */
	PADDING_MAX = 64,      /* bytes that are no code, and what comes before them */
	GAP_MAX = 4096,        /* bytes behind an FDE that may still belong to it */
};

/* ---- What we know while we look ---- */

struct insn {
	uint32_t off; /* from the function's start */
	uint8_t len;
	uint8_t bits; /* enum shape_bits; INSN_EAX: with 0..32767, which is val */
	int16_t val;  /* INSN_RIP: offset of its displacement */
};

/* A name of an address inside a function of interest. */
struct hit {
	struct name name;
	uint32_t next;
};

struct func {
	uint32_t start, end; /* of its FDE */
	uint32_t limit;      /* how far it may be decoded: end, or the next FDE */
	uint32_t raw, nraw;  /* the byte pairs 0f 05 in [start, limit) */
	uint32_t hits;       /* list, 0 ends it */
	struct fde fde;
	bool entered;   /* something outside jumps into it, not to its start */
	bool own_label; /* it takes the address of an instruction of its own */
	bool lost;      /* there were too many names */
};

struct scan {
	const struct object *o;
	bool (*want)(int nr);
	struct sites_stats *st;
	struct fde_table fdes;

	struct range text; /* all executable segments, and what lies between */

	uint32_t *raw; /* offsets of 0f 05, sorted */
	uint32_t nraw;
	struct func *funcs; /* sorted */
	uint32_t nfuncs;
	uint64_t *near;  /* a bit for each NAMES_GRAIN bytes of text: part of one? */
	uint16_t *owner; /* ... of which, the first if of several */
	struct names names;
	struct hit *hits;
	uint32_t nhits; /* hits[0] is not used */

	/* The function at hand. */
	struct range segment; /* the one it is in */
	struct insn *insns;
	uint32_t ninsns;
	uint32_t reach;    /* offset from the function's start where decoding ended */
	uint64_t *bounds;  /* a bit per byte: an instruction begins there */
	uint64_t *targets; /* ... something of the function itself leads there */
	bool vec;          /* it touches vector registers */
	bool leaves;       /* it jumps out of its FDE, or runs on */
	bool indirect;     /* it jumps to an address from a register, or from memory */
	struct decoder decoder;

	/* The sites. */
	struct site *out;
	size_t nout, max;
	uint32_t taken; /* end of the last window */
};

/* ---- The bytes 0f 05 ---- */

static int find_raw(struct scan *s)
{
	const __m128i b0f = _mm_set1_epi8(0x0f), b05 = _mm_set1_epi8(0x05);

	for (int i = 0; i < s->o->phnum; i++) {
		const ElfW(Phdr) *p = &s->o->phdr[i];

		if (!object_is_text(p))
			continue;

		const uint8_t *b = object_at(s->o, p->p_vaddr);
		uint64_t n = p->p_filesz, k = 0;

		for (;;) {
			unsigned found;
			unsigned step = 16;

			if (k + 17 <= n) {
				__m128i v = _mm_loadu_si128((const __m128i *)(b + k));
				__m128i w = _mm_loadu_si128((const __m128i *)(b + k + 1));

				found = (unsigned)_mm_movemask_epi8(_mm_and_si128(
					_mm_cmpeq_epi8(v, b0f), _mm_cmpeq_epi8(w, b05)));
			} else if (k + 2 <= n) {
				found = b[k] == 0x0f && b[k + 1] == 0x05;
				step = 1;
			} else {
				break;
			}
			for (; found; found &= found - 1) {
				if (s->nraw == RAW_MAX)
					return -ENOSPC;
				s->raw[s->nraw++] =
					(uint32_t)(p->p_vaddr + k + (unsigned)__builtin_ctz(found));
			}
			k += step;
		}
	}
	return 0;
}

/* ---- The functions that hold wanted ones ---- */

/* Do the bytes before OFF look like a mov $nr,%eax (without a REX prefix, which makes it another
 * register) whose number nobody wants? */
static bool looks_unwanted(const struct scan *s, uint32_t off)
{
	const uint8_t *p = object_at(s->o, off);

	if (off < s->text.lo + 6 || p[-5] != 0xb8 || (p[-6] & 0xf0) == 0x40)
		return false;

	uint32_t nr = load32(p - 4);

	return nr <= INT16_MAX && !s->want((int)nr);
}

/* Counts the pairs from the I-th on that lie before OFF: no function of interest has them. */
static uint32_t pass_over(struct scan *s, uint32_t i, uint32_t off)
{
	for (; i < s->nraw && s->raw[i] < off; i++) {
		if (looks_unwanted(s, s->raw[i]))
			s->st->unwanted++;
		else
			s->st->left[SITES_LEFT_NO_FUNCTION]++;
	}
	return i;
}

static void find_funcs(struct scan *s)
{
	struct func *f = NULL;
	uint32_t end = 0; /* of F's segment */

	for (uint32_t i = 0; i < s->nraw; i++) {
		uint32_t off = s->raw[i];
		struct fde fde;

		if ((f && off < f->limit) || looks_unwanted(s, off) ||
		    !fde_find(&s->fdes, off, &fde) || (off >= fde.end && off - fde.end >= GAP_MAX))
			continue;
		if (!f || f->start != fde.start) {
			const ElfW(Phdr) *seg =
				object_segment(s->o, fde.start, fde.end - fde.start);

			if (!seg || !object_is_text(seg))
				continue;
			end = (uint32_t)(seg->p_vaddr + seg->p_filesz);
			f = &s->funcs[s->nfuncs++];
			*f = (struct func){ .start = (uint32_t)fde.start,
					    .end = (uint32_t)fde.end,
					    .limit = (uint32_t)fde.end,
					    .fde = fde };
		}
		if (off >= f->end) { /* perhaps the function runs on, up to here */
			f->limit = fde.next < end ? (uint32_t)fde.next : end;
			if (f->limit - f->end > GAP_MAX)
				f->limit = f->end + GAP_MAX;
		}
	}

	/* The pairs of each, also those that are not wanted; and those of none. */
	uint32_t i = 0;

	for (f = s->funcs; f < s->funcs + s->nfuncs; f++) {
		i = pass_over(s, i, f->start);
		f->raw = i;
		while (i < s->nraw && s->raw[i] < f->limit)
			i++;
		f->nraw = i - f->raw;

		for (uint32_t g = (f->start - s->text.lo) / NAMES_GRAIN;
		     g <= (f->limit - 1 - s->text.lo) / NAMES_GRAIN; g++) {
			if (!bit_get(s->near, g))
				s->owner[g] = (uint16_t)(f - s->funcs);
			bit_set(s->near, g);
		}
	}
	pass_over(s, i, UINT32_MAX);
}

/* ---- Who names an address in one of them? ---- */

static void name_visit(void *arg, const struct name *name)
{
	struct scan *s = arg;
	struct func *f = &s->funcs[s->owner[(name->target - s->text.lo) / NAMES_GRAIN]];

	while (name->target >= f->limit)
		if (++f == s->funcs + s->nfuncs)
			return;
	if (name->target < f->start)
		return;

	bool inside = name->end - 1 - f->start < f->end - f->start;

	/* What is inside will be decoded, which says it exactly. */
	if (inside && (name->kind == NAME_JUMP || name->kind == NAME_CALL))
		return;
	/* A window may begin where its function does: nothing can be wrong with names of that. */
	if (name->target == f->start)
		return;
	if (name->kind == NAME_JUMP)
		f->entered = true;
	if (inside && name->kind == NAME_LEA)
		f->own_label = true;
	if (s->nhits == HITS_MAX) {
		f->lost = true;
		return;
	}
	s->hits[s->nhits] = (struct hit){ *name, f->hits };
	f->hits = s->nhits++;
}

static void find_names(struct scan *s)
{
	s->names.o = s->o;
	s->names.text = s->text;
	s->names.near = s->near;
	s->names.visit = name_visit;
	s->names.arg = s;
	names_find(&s->names);
}

/* ---- A function's instructions ---- */

static inline struct insn insn_of(const struct shape *h, const uint8_t *p, uint32_t off)
{
	struct insn i = { .off = off, .len = h->len, .bits = h->bits, .val = h->disp };

	if (h->bits & INSN_EAX) {
		uint64_t nr = shape_imm(h, p);

		i.val = (int16_t)nr;
		if (nr > INT16_MAX)
			i.bits &= (uint8_t)~INSN_EAX;
	}
	return i;
}

static void target_add(struct scan *s, const struct func *f, uint64_t off)
{
	if (off - f->start < s->reach)
		bit_set(s->targets, (uint32_t)off - f->start);
}

struct pads {
	struct scan *s;
	const struct func *f;
};

static void pad_add(void *arg, uint64_t pad)
{
	struct pads *p = arg;

	target_add(p->s, p->f, pad);
}

static const struct insn *insn_at_or_before(const struct scan *s, uint32_t off)
{
	uint32_t lo = 0, hi = s->ninsns;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->insns[mid].off <= off)
			lo = mid;
		else
			hi = mid;
	}
	return &s->insns[lo];
}

/* Each target is a boundary, or skips a lock prefix (`je 1f; lock; 1: cmpxchg ...`). */
static bool targets_agree(const struct scan *s, const struct func *f)
{
	for (uint32_t w = 0; w < (s->reach + 63) / 64; w++) {
		for (uint64_t odd = s->targets[w] & ~s->bounds[w]; odd; odd &= odd - 1) {
			uint32_t off = w * 64 + (unsigned)__builtin_ctzll(odd);
			const struct insn *i = insn_at_or_before(s, off);

			if (off >= s->reach) /* in the gap behind the function */
				break;
			if (off != i->off + 1 || *object_at(s->o, f->start + i->off) != 0xf0)
				return false;
		}
	}
	return true;
}

/*
 * The bytes at OFF decode as an instruction of LEN bytes; but an earlier branch may lead into its
 * middle. Then they are none, nor is what was decoded before them since control last could not go
 * on (padding or data behind a jump, or behind a call that does not return): forgets those. Returns
 * where to go on, OFF itself when all is well, UINT32_MAX when it makes no sense.
 */
static uint32_t resume_at(struct scan *s, const uint8_t *code, uint32_t off, uint32_t len)
{
	uint64_t inner = bits_from(s->targets, off + 1) & ((1ULL << (len - 1)) - 1);
	struct insn *i = &s->insns[s->ninsns];

	if (code[off] == 0xf0)
		inner &= ~1ULL;
	if (!inner)
		return off;
	for (; i > s->insns && !(i[-1].bits & (INSN_STOP | INSN_CALL)); i--)
		bit_clear(s->bounds, i[-1].off);
	if (i == s->insns || off - i[-1].off > PADDING_MAX)
		return UINT32_MAX;
	s->ninsns = (uint32_t)(i - s->insns);
	return off + 1 + (unsigned)__builtin_ctzll(inner);
}

/* Decodes F; false: not to be had without contradiction. */
static bool decode(struct scan *s, const struct func *f)
{
	const uint8_t *code = object_at(s->o, f->start);
	uint32_t off = 0, end = f->end - f->start, limit = f->limit - f->start;
	unsigned last = 0;

	memset(s->bounds, 0, (limit + 63) / 64 * 8);
	memset(s->targets, 0, (limit + 63) / 64 * 8);
	s->ninsns = 0;
	s->reach = limit;
	s->vec = s->leaves = s->indirect = false;

	while (off < limit) {
		/* Into the gap behind the FDE only while the function runs on into it. */
		if (off >= end && (last & (off == end ? INSN_STOP | INSN_CALL : INSN_STOP)))
			break;

		const struct shape *h = decoder_shape(&s->decoder, code + off, limit - off);

		if (!h && off > end)
			break;
		if (!h || (off < end && off + h->len > end))
			return false;

		uint32_t at = resume_at(s, code, off, h->len);

		if (at != off) {
			if (at == UINT32_MAX)
				return false;
			off = at;
			continue;
		}

		struct insn i = insn_of(h, code + off, off);

		s->insns[s->ninsns++] = i;
		bit_set(s->bounds, off);
		off += h->len;
		last = i.bits;
		s->vec |= last & INSN_VEC;
		if (last & INSN_INDIRECT) {
			s->leaves = true;
			s->indirect |= !(last & INSN_RIP);
		}
		if (h->relative) {
			uint64_t target = f->start + off + shape_imm(h, code + i.off);

			if (target - f->start < limit)
				target_add(s, f, target);
			else if (!(last & INSN_CALL))
				s->leaves = true;
		}
	}
	s->reach = off;
	if (off > end || !(last & (INSN_STOP | INSN_CALL)))
		s->leaves = true;
	s->st->functions++;
	s->st->insns += s->ninsns;
	return fde_landing_pads(s->o, &f->fde, pad_add, &(struct pads){ s, f }) &&
	       targets_agree(s, f);
}

/* ---- Does something lead into a window? ---- */

/* Is what looks like an instruction that ends at END one? Believed when nothing speaks against. */
static bool pattern_is_insn(struct scan *s, uint32_t end)
{
	const struct shape *h;
	struct fde f;

	if (!fde_find(&s->fdes, end - 1, &f) || end > f.end || f.end > s->text.hi)
		return true;
	for (uint64_t off = f.start; off < f.end; off += h->len) {
		h = decoder_shape(&s->decoder, object_at(s->o, off), f.end - off);
		if (!h)
			return true;
		if (off + h->len >= end)
			return off + h->len == end;
	}
	return true;
}

/*
 * Tables lie one behind the other, and we do not know where one ends. An entry behind an address
 * that another lea takes is not of this table any more; nor is one that leads into the middle of an
 * instruction.
 */
static bool entry_is_of_table(struct scan *s, const struct func *f, const struct name *n)
{
	if (!bit_get(s->bounds, n->target - f->start))
		return false;
	for (uint32_t i = 0; i < s->names.ntables; i++) {
		const struct table *t = &s->names.tables[i];

		if (t->at > n->table && t->at <= n->entry && pattern_is_insn(s, t->end))
			return false;
	}
	return true;
}

static bool name_is_true(struct scan *s, const struct func *f, const struct name *n)
{
	if (n->kind == NAME_DATA)
		return true;
	if (n->kind == NAME_TABLE && !entry_is_of_table(s, f, n))
		return false;
	return pattern_is_insn(s, n->end);
}

/* Is there a rel8 branch in [from, to) to an instruction that begins in [lo, hi)? */
static bool short_branch(struct scan *s, const struct func *f, uint32_t from, uint32_t to,
			 uint32_t lo, uint32_t hi)
{
	const __m128i b70 = _mm_set1_epi8(0x70), bf0 = _mm_set1_epi8((char)0xf0);
	const __m128i beb = _mm_set1_epi8((char)0xeb), be0 = _mm_set1_epi8((char)0xe0);
	const __m128i bfc = _mm_set1_epi8((char)0xfc);

	for (uint32_t at = from; at < to; at += 16) {
		uint32_t n = to - at < 16 ? to - at : 16;
		uint8_t rest[16] = { 0 };
		const uint8_t *p = object_at(s->o, at);

		if (n < 16)
			p = memcpy(rest, p, n);

		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i m = _mm_cmpeq_epi8(_mm_and_si128(v, bf0), b70);

		m = _mm_or_si128(m, _mm_cmpeq_epi8(v, beb));
		m = _mm_or_si128(m, _mm_cmpeq_epi8(_mm_and_si128(v, bfc), be0));
		for (unsigned found = (unsigned)_mm_movemask_epi8(m); found; found &= found - 1) {
			uint32_t end = at + (unsigned)__builtin_ctz(found) + 2;
			uint32_t target;

			if (end > s->segment.hi)
				continue;
			target = end + (uint32_t)(int8_t)*object_at(s->o, end - 1);
			if (target - lo < hi - lo && bit_get(s->bounds, target - f->start) &&
			    pattern_is_insn(s, end))
				return true;
		}
	}
	return false;
}

/* Does anything but the instruction before lead to one of the addresses in [lo, hi)? */
static bool entered(struct scan *s, const struct func *f, uint32_t lo, uint32_t hi)
{
	uint32_t from, to;

	for (uint32_t off = lo; off < hi; off++)
		if (bit_get(s->targets, off - f->start))
			return true;
	for (uint32_t i = f->hits; i; i = s->hits[i].next)
		if (s->hits[i].name.target - lo < hi - lo && name_is_true(s, f, &s->hits[i].name))
			return true;
	/* From the functions before and behind, as far as a rel8 branch reaches. */
	from = lo - s->segment.lo > 130 ? lo - 130 : s->segment.lo;
	if (from < f->start && short_branch(s, f, from, f->start, lo, hi))
		return true;
	from = f->start + s->reach;
	to = s->segment.hi - hi > 128 ? hi + 128 : s->segment.hi;
	return from < to && short_branch(s, f, from, to, lo, hi);
}

/* ---- A site ---- */

/* The number in eax at the syscall that is instruction SYS, or -1. */
static int site_nr(struct scan *s, const struct func *f, uint32_t sys)
{
	for (uint32_t i = sys; i-- > 0 && sys - i <= STRAIGHT_MAX;) {
		const struct insn *n = &s->insns[i];

		if (n->bits & INSN_EAX)
			return entered(s, f, f->start + n->off + n->len,
				       f->start + s->insns[sys].off + 1)
				       ? -1
				       : n->val;
		if ((n->bits & INSN_FLOW) ||
		    decoder_writes_eax(object_at(s->o, f->start + n->off), n->len))
			return -1;
	}
	return -1;
}

/* Makes the window of instructions FIRST up to, not including, END; or says why not. */
static int window_make(struct scan *s, const struct func *f, uint32_t first, uint32_t end,
		       uint32_t sys, struct site *site)
{
	uint32_t start = s->insns[first].off;
	uint32_t stop = s->insns[end - 1].off + s->insns[end - 1].len;

	*site = (struct site){ .start = f->start + start,
			       .len = (uint8_t)(stop - start),
			       .sys = (uint8_t)(s->insns[sys].off - start),
			       .first = s->insns[first].len };
	for (uint32_t i = first; i < end; i++) {
		const struct insn *n = &s->insns[i];

		if (i != sys && (n->bits & INSN_FLOW))
			return SITES_LEFT_ROOM;
		if (n->bits & INSN_ODD)
			return SITES_LEFT_RIPREL;
		if (n->bits & INSN_RIP) {
			if (site->flags & SITE_RIPREL)
				return SITES_LEFT_RIPREL;
			site->flags |= SITE_RIPREL;
			site->rip = (uint8_t)(n->off - start + (uint8_t)n->val);
			site->rip_end = (uint8_t)(n->off - start + n->len);
		}
	}
	if (site->first < SITE_MIN)
		site->flags |= SITE_SPLIT;
	if (site->start < s->taken)
		return SITES_LEFT_OVERLAP;
	if (entered(s, f, site->start + 1, site->start + site->len))
		return SITES_LEFT_TARGET;
	return -1;
}

/* The fewest instructions that end with the syscall, else the fewest that begin with it. */
static int site_window(struct scan *s, const struct func *f, uint32_t sys, struct site *site)
{
	int why = SITES_LEFT_ROOM, tail = SITES_LEFT_ROOM;
	uint32_t at = s->insns[sys].off, end = at + s->insns[sys].len, i = sys;

	while (i && end - s->insns[i].off < SITE_MIN)
		i--;
	if (end - s->insns[i].off >= SITE_MIN)
		why = window_make(s, f, i, sys + 1, sys, site);
	if (why < 0)
		return why;

	for (i = sys + 1; i < s->ninsns && s->insns[i].off - at < SITE_MIN;)
		i++;
	if (s->insns[i - 1].off + s->insns[i - 1].len - at >= SITE_MIN)
		tail = window_make(s, f, sys, i, sys, site);
	if (tail < 0)
		site->flags |= SITE_TAIL;
	/* The reason that one more instruction of room would not have mended, if either has it. */
	return tail < 0 ? tail : tail > why ? tail : why;
}

/* Deals with the one at instruction SYS; a reason to leave it alone, or -1. */
static int site_make(struct scan *s, const struct func *f, uint32_t sys)
{
	int nr = site_nr(s, f, sys), why;
	struct site site;

	if (nr >= 0 && !s->want(nr)) {
		s->st->unwanted++;
		return -1;
	}
	why = site_window(s, f, sys, &site);
	if (why >= 0)
		return why;
	site.nr = (int16_t)nr;
	if (s->vec || s->leaves || f->entered)
		site.flags |= SITE_VEC;
	s->taken = site.start + site.len;
	if (s->nout < s->max)
		s->out[s->nout] = site;
	s->nout++;
	s->st->unknown += nr < 0;
	s->st->tail += !!(site.flags & SITE_TAIL);
	s->st->riprel += !!(site.flags & SITE_RIPREL);
	s->st->vec += !!(site.flags & SITE_VEC);
	s->st->split += !!(site.flags & SITE_SPLIT);
	return -1;
}

static void func_sites(struct scan *s, const struct func *f)
{
	int all = -1; /* the reason to leave all of them alone */
	const ElfW(Phdr) *seg = object_segment(s->o, f->start, 1);
	uint32_t i = 0;

	s->segment =
		(struct range){ (uint32_t)seg->p_vaddr, (uint32_t)(seg->p_vaddr + seg->p_filesz) };
	if (f->fde.sigframe)
		all = SITES_LEFT_SIGFRAME;
	else if (f->limit - f->start > FUNC_MAX)
		all = SITES_LEFT_LARGE;
	else if (!decode(s, f))
		all = SITES_LEFT_UNDECODED;

	for (uint32_t k = f->raw; k < f->raw + f->nraw; k++) {
		uint32_t off = s->raw[k] - f->start;
		int why = all;

		if (why < 0) {
			if (off >= s->reach) {
				why = SITES_LEFT_NO_FUNCTION;
			} else if (!bit_get(s->bounds, off)) {
				why = SITES_LEFT_EMBEDDED;
			} else if (f->lost || (s->indirect && f->own_label)) {
				why = SITES_LEFT_COMPUTED;
			} else {
				i = (uint32_t)(insn_at_or_before(s, off) - s->insns);
				why = site_make(s, f, i);
			}
		}
		if (why >= 0)
			s->st->left[why]++;
	}
}

/* ---- The whole object ---- */

static int object_ranges(struct scan *s)
{
	uint64_t lo = UINT64_MAX, hi = 0;

	for (int i = 0; i < s->o->phnum; i++) {
		const ElfW(Phdr) *p = &s->o->phdr[i];
		uint64_t end = p->p_vaddr + p->p_filesz;

		if (p->p_type != PT_LOAD)
			continue;
		if (end > UINT32_MAX - 4096) {
			s->st->why = "the object is 4 GiB or more";
			return -EFBIG;
		}
		if (p->p_offset == 0 && p->p_filesz >= sizeof(ElfW(Ehdr))) {
			const ElfW(Ehdr) *e = (const ElfW(Ehdr) *)object_at(s->o, p->p_vaddr);

			if (e->e_type != ET_DYN || e->e_machine != EM_X86_64) {
				s->st->why = "the object is position-dependent, or not x86-64";
				return -ENOTSUP;
			}
		}
		if (object_is_text(p)) {
			lo = p->p_vaddr < lo ? p->p_vaddr : lo;
			hi = end > hi ? end : hi;
		}
	}
	s->text = lo < hi ? (struct range){ (uint32_t)lo, (uint32_t)hi } : (struct range){ 0, 0 };
	return 0;
}

/* The next N bytes of the scratch memory. */
static void *carve(char **p, size_t n)
{
	void *v = *p;

	*p += mem_round(n, 64);
	return v;
}

long sites_find(const struct object *o, bool (*want)(int nr), struct site *out, size_t max,
		struct sites_stats *st)
{
	struct scan s = { .o = o, .want = want, .st = st, .out = out, .max = max, .nhits = 1 };
	long ret;

	*st = (struct sites_stats){ 0 };
	ret = object_ranges(&s);
	if (ret < 0)
		return ret;

	size_t grains = (s.text.hi - s.text.lo) / NAMES_GRAIN + 1;
	size_t size = mem_round(
		RAW_MAX * (sizeof(*s.raw) + sizeof(*s.funcs)) + HITS_MAX * sizeof(*s.hits) +
			NAMES_TABLES * sizeof(*s.names.tables) + INSNS_MAX * sizeof(*s.insns) +
			DECODER_SHAPES * sizeof(*s.decoder.shapes) + 2 * (FUNC_MAX / 8 + 16) +
			grains * sizeof(*s.owner) + grains / 8 + 16 + 10 * 64,
		MEM_PAGE);
	char *scratch = mem_reserve(size), *p = scratch;

	if (!scratch) {
		st->why = "no memory";
		return -ENOMEM;
	}
	s.raw = carve(&p, RAW_MAX * sizeof(*s.raw));
	s.funcs = carve(&p, RAW_MAX * sizeof(*s.funcs));
	s.hits = carve(&p, HITS_MAX * sizeof(*s.hits));
	s.names.tables = carve(&p, NAMES_TABLES * sizeof(*s.names.tables));
	s.insns = carve(&p, INSNS_MAX * sizeof(*s.insns));
	s.decoder.shapes = carve(&p, DECODER_SHAPES * sizeof(*s.decoder.shapes));
	s.bounds = carve(&p, FUNC_MAX / 8 + 16);
	s.targets = carve(&p, FUNC_MAX / 8 + 16);
	s.near = carve(&p, grains / 8 + 16);
	s.owner = carve(&p, grains * sizeof(*s.owner));

	ret = find_raw(&s);
	st->raw = s.nraw;
	if (ret < 0)
		st->why = "too many byte pairs that look like a syscall";
	if (ret < 0 || !s.nraw)
		goto out;

	st->why = decoder_open();
	if (st->why) {
		ret = -ENOENT;
		goto out;
	}
	fde_open(&s.fdes, o);
	find_funcs(&s);
	if (s.nfuncs)
		find_names(&s);
	for (uint32_t i = 0; i < s.nfuncs; i++)
		func_sites(&s, &s.funcs[i]);
	st->decoded = s.decoder.asked;
	st->found = (unsigned)(s.nout < max ? s.nout : max);
	ret = (long)s.nout;
	if (s.nout > max) {
		st->why = "more sites than there is room for";
		ret = -ENOSPC;
	}
out:
	mem_release(scratch, size);
	return ret;
}

const char *sites_left_phrase(enum sites_left why)
{
	static const char *const phrase[] = {
		[SITES_LEFT_NO_FUNCTION] = "no unwind table says which function it is in",
		[SITES_LEFT_SIGFRAME] = "it returns from a signal handler",
		[SITES_LEFT_LARGE] = "its function is too large",
		[SITES_LEFT_UNDECODED] = "its function does not decode without contradiction",
		[SITES_LEFT_EMBEDDED] = "its bytes belong to another instruction",
		[SITES_LEFT_COMPUTED] = "its function jumps to addresses it computes",
		[SITES_LEFT_ROOM] = "there is no room for a jump",
		[SITES_LEFT_RIPREL] = "what it shares its place with cannot be moved",
		[SITES_LEFT_TARGET] = "something jumps into where the jump would lie",
		[SITES_LEFT_OVERLAP] = "the site before takes its place",
	};

	return phrase[why];
}
