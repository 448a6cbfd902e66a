/* SPDX-License-Identifier: MIT */
/* fde: see fde.h */
#include "interpose/fde.h"

/* DWARF pointer encodings: low half the format, high half what it is relative to. */
enum {
	PE_ABSPTR = 0x00,
	PE_ULEB128 = 0x01,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_FORMAT = 0x0f,
	PE_PCREL = 0x10,
	PE_DATAREL = 0x30,
	PE_BASE = 0x70,
	PE_INDIRECT = 0x80,
	PE_OMIT = 0xff,
};

/* A reader that stops, with ok = false, rather than leave its segment. */
struct reader {
	const struct object *o;
	uint64_t off, end;
	bool ok;
};

static struct reader reader_at(const struct object *o, uint64_t off)
{
	const ElfW(Phdr) *p = object_segment(o, off, 1);
	struct reader r = { .o = o, .off = off, .end = p ? p->p_vaddr + p->p_filesz : 0, .ok = p };

	return r;
}

static uint64_t read_bytes(struct reader *r, unsigned n, bool is_signed)
{
	const uint8_t *p = object_at(r->o, r->off);
	uint64_t v = 0;

	if (!r->ok || r->end - r->off < n) {
		r->ok = false;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	if (is_signed && n < 8 && (v >> (8 * n - 1) & 1))
		v |= ~0ULL << 8 * n;
	r->off += n;
	return v;
}

static uint64_t read_uleb(struct reader *r)
{
	uint64_t v = 0, byte;
	unsigned shift = 0;

	do {
		byte = read_bytes(r, 1, false);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return v;
}

static int64_t read_sleb(struct reader *r)
{
	uint64_t v = 0, byte;
	unsigned shift = 0;

	do {
		byte = read_bytes(r, 1, false);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if ((byte & 0x40) && shift < 64)
		v |= ~0ULL << shift;
	return (int64_t)v;
}

/* A value in the given format, without what it is relative to. */
static uint64_t read_format(struct reader *r, unsigned encoding)
{
	switch (encoding & PE_FORMAT) {
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		return read_bytes(r, 8, false);
	case PE_UDATA4:
		return read_bytes(r, 4, false);
	case PE_SDATA4:
		return read_bytes(r, 4, true);
	case PE_UDATA2:
		return read_bytes(r, 2, false);
	case PE_SDATA2:
		return read_bytes(r, 2, true);
	case PE_ULEB128:
		return read_uleb(r);
	default:
		r->ok = false;
		return 0;
	}
}

/* A pointer as an offset from the object's base; 0 stays 0, "none". */
static uint64_t read_pointer(struct reader *r, unsigned encoding)
{
	uint64_t at = r->off, v = read_format(r, encoding);

	if (!v)
		return 0;
	if (encoding & PE_INDIRECT)
		r->ok = false;
	switch (encoding & PE_BASE) {
	case PE_PCREL:
		return at + v;
	case 0: /* absolute: relocated, or still the link-time address */
		return v >= r->o->base ? v - r->o->base : v;
	default:
		r->ok = false;
		return 0;
	}
}

void fde_open(struct fde_table *t, const struct object *o)
{
	const ElfW(Phdr) *p = object_header(o, PT_GNU_EH_FRAME);
	struct reader r;

	*t = (struct fde_table){ .o = o };
	if (!p)
		return;
	t->hdr = p->p_vaddr;
	r = reader_at(o, p->p_vaddr);
	/* Version 1, and the one form of table that linkers write. */
	if (read_bytes(&r, 1, false) != 1)
		return;
	unsigned frame_enc = (unsigned)read_bytes(&r, 1, false);
	unsigned count_enc = (unsigned)read_bytes(&r, 1, false);
	unsigned table_enc = (unsigned)read_bytes(&r, 1, false);

	if (count_enc != PE_UDATA4 || table_enc != (PE_DATAREL | PE_SDATA4))
		return;
	read_format(&r, frame_enc);
	uint64_t n = read_bytes(&r, 4, false);

	if (!r.ok || r.off % sizeof(int32_t) || n > (r.end - r.off) / 8)
		return;
	t->rows = (const int32_t *)object_at(o, r.off);
	t->nrows = (uint32_t)n;
}

static uint64_t row_start(const struct fde_table *t, uint32_t i)
{
	return t->hdr + (uint64_t)(int64_t)t->rows[2 * i];
}

/* What the CIE says of its FDEs; false when it cannot be read. */
struct cie {
	unsigned pointers, lsda; /* encodings; PE_OMIT: none */
	bool sized;              /* FDEs say how long their augmentation is ('z') */
	bool sigframe;
	uint64_t code_align;
	int64_t data_align;
	uint64_t ra; /* the column of the return address */
	uint64_t insns, insns_end;
};

static bool cie_read(const struct object *o, uint64_t off, struct cie *c)
{
	struct reader r = reader_at(o, off);
	char aug[8];
	unsigned n = 0;

	*c = (struct cie){ .pointers = PE_ABSPTR, .lsda = PE_OMIT };
	uint64_t len = read_bytes(&r, 4, false);

	c->insns_end = r.off + len;
	if (read_bytes(&r, 4, false) != 0)
		return false;
	uint64_t version = read_bytes(&r, 1, false);

	if (version != 1 && version != 3)
		return false;
	do {
		if (n == sizeof(aug))
			return false;
		aug[n] = (char)read_bytes(&r, 1, false);
	} while (aug[n++]);
	c->code_align = read_uleb(&r);
	c->data_align = read_sleb(&r);
	c->ra = version == 1 ? read_bytes(&r, 1, false) : read_uleb(&r);

	uint64_t augmentation = 0;

	for (unsigned i = 0; aug[i]; i++) {
		switch (aug[i]) {
		case 'z':
			augmentation = read_uleb(&r);
			augmentation += r.off;
			c->sized = true;
			break;
		case 'R':
			c->pointers = (unsigned)read_bytes(&r, 1, false);
			break;
		case 'L':
			c->lsda = (unsigned)read_bytes(&r, 1, false);
			break;
		case 'P':
			read_format(&r, (unsigned)read_bytes(&r, 1, false));
			break;
		case 'S':
			c->sigframe = true;
			break;
		default:
			return false;
		}
	}
	c->insns = c->sized ? augmentation : r.off;
	return r.ok;
}

bool fde_find(const struct fde_table *t, uint64_t off, struct fde *f)
{
	uint32_t lo = 0, hi = t->nrows; /* the row is in [lo, hi) */
	struct cie c;

	if (!hi || off < row_start(t, 0))
		return false;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (row_start(t, mid) <= off)
			lo = mid;
		else
			hi = mid;
	}

	struct reader r = reader_at(t->o, t->hdr + (uint64_t)(int64_t)t->rows[2 * lo + 1]);
	uint64_t len = read_bytes(&r, 4, false), cie_at = r.off;

	/* Neither the 64-bit form nor the end mark. */
	if (len == 0 || len == 0xffffffff)
		return false;
	f->insns_end = cie_at + len;
	cie_at -= read_bytes(&r, 4, false);
	f->cie = cie_at;
	if (!r.ok || !cie_read(t->o, cie_at, &c))
		return false;
	f->start = read_pointer(&r, c.pointers);
	f->end = f->start + read_format(&r, c.pointers);
	f->next = lo + 1 < t->nrows ? row_start(t, lo + 1) : UINT64_MAX;
	f->sigframe = c.sigframe;
	f->lsda = 0;
	if (c.sized) {
		uint64_t size = read_uleb(&r);

		f->insns = r.off + size;
		if (size && c.lsda != PE_OMIT)
			f->lsda = read_pointer(&r, c.lsda);
	} else {
		f->insns = r.off;
	}
	return r.ok && f->start == row_start(t, lo) && f->end > f->start && f->end <= f->next;
}

bool fde_landing_pads(const struct object *o, const struct fde *f,
		      void (*visit)(void *arg, uint64_t pad), void *arg)
{
	if (!f->lsda)
		return true;

	struct reader r = reader_at(o, f->lsda);
	uint64_t pads = f->start;
	unsigned enc = (unsigned)read_bytes(&r, 1, false);

	if (enc != PE_OMIT)
		pads = read_pointer(&r, enc);
	enc = (unsigned)read_bytes(&r, 1, false);
	if (enc != PE_OMIT)
		read_uleb(&r); /* the types, which catch; no address of code */
	enc = (unsigned)read_bytes(&r, 1, false);

	uint64_t size = read_uleb(&r), end = r.off + size;

	while (r.ok && r.off < end) {
		read_format(&r, enc); /* start */
		read_format(&r, enc); /* length */
		uint64_t pad = read_format(&r, enc);

		read_uleb(&r); /* action */
		if (pad && r.ok)
			visit(arg, pads + pad);
	}
	return r.ok && r.off == end;
}

/* ---- Rules ---- */

/* The instructions, and the registers that matter, by their numbers in DWARF. */
enum {
	CFA_ADVANCE = 0x40, /* these three have an operand in their low six bits */
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
	CFA_NOP = 0x00,
	CFA_ADVANCE1 = 0x02,
	CFA_ADVANCE2 = 0x03,
	CFA_ADVANCE4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_GNU_ARGS_SIZE = 0x2e,

	REG_RBX = 3,
	REG_RBP = 6,
	REG_RSP = 7,
	REG_R12 = 12,
	REG_RIP = 16,
	REGS = 17,
	STATES = 8, /* remembered at a time */
};

struct state {
	uint64_t cfa_reg;
	int64_t cfa_offset;
	int64_t at[REGS]; /* 0: not saved */
	bool undefined;   /* the return address: there is no caller */
};

struct machine {
	const struct cie *c;
	struct state now, initial, kept[STATES];
	unsigned nkept;
	uint64_t loc;
};

static void rule_offset(struct machine *m, uint64_t reg, int64_t factored)
{
	if (reg < REGS)
		m->now.at[reg] = factored * m->c->data_align;
}

static void rule_restore(struct machine *m, uint64_t reg)
{
	if (reg < REGS)
		m->now.at[reg] = m->initial.at[reg];
	if (reg == m->c->ra)
		m->now.undefined = m->initial.undefined;
}

/* Carries out what an instruction without operand bits says; false: of a kind that we do not know. */
static bool rule_extended(struct machine *m, struct reader *r, uint64_t op)
{
	uint64_t reg;

	switch (op) {
	case CFA_NOP:
		return true;
	case CFA_ADVANCE1:
		m->loc += read_bytes(r, 1, false) * m->c->code_align;
		return true;
	case CFA_ADVANCE2:
		m->loc += read_bytes(r, 2, false) * m->c->code_align;
		return true;
	case CFA_ADVANCE4:
		m->loc += read_bytes(r, 4, false) * m->c->code_align;
		return true;
	case CFA_OFFSET_EXTENDED:
		reg = read_uleb(r);
		rule_offset(m, reg, (int64_t)read_uleb(r));
		return true;
	case CFA_OFFSET_EXTENDED_SF:
		reg = read_uleb(r);
		rule_offset(m, reg, read_sleb(r));
		return true;
	case CFA_RESTORE_EXTENDED:
		rule_restore(m, read_uleb(r));
		return true;
	case CFA_UNDEFINED:
		m->now.undefined |= read_uleb(r) == m->c->ra;
		return true;
	case CFA_SAME_VALUE:
		rule_offset(m, read_uleb(r), 0);
		return true;
	case CFA_REMEMBER_STATE:
		if (m->nkept == STATES)
			return false;
		m->kept[m->nkept++] = m->now;
		return true;
	case CFA_RESTORE_STATE:
		if (!m->nkept)
			return false;
		m->now = m->kept[--m->nkept];
		return true;
	case CFA_DEF_CFA:
		m->now.cfa_reg = read_uleb(r);
		m->now.cfa_offset = (int64_t)read_uleb(r);
		return true;
	case CFA_DEF_CFA_SF:
		m->now.cfa_reg = read_uleb(r);
		m->now.cfa_offset = read_sleb(r) * m->c->data_align;
		return true;
	case CFA_DEF_CFA_REGISTER:
		m->now.cfa_reg = read_uleb(r);
		return true;
	case CFA_DEF_CFA_OFFSET:
		m->now.cfa_offset = (int64_t)read_uleb(r);
		return true;
	case CFA_DEF_CFA_OFFSET_SF:
		m->now.cfa_offset = read_sleb(r) * m->c->data_align;
		return true;
	case CFA_GNU_ARGS_SIZE:
		read_uleb(r);
		return true;
	}
	return false;
}

/* The instructions in [INSNS, END), up to the row that holds at OFF. */
static bool rules_run(struct machine *m, const struct object *o, uint64_t insns, uint64_t end,
		      uint64_t off)
{
	struct reader r = reader_at(o, insns);

	while (r.ok && r.off < end) {
		uint64_t op = read_bytes(&r, 1, false), low = op & 0x3f;

		switch (op & 0xc0) {
		case CFA_ADVANCE:
			m->loc += low * m->c->code_align;
			break;
		case CFA_OFFSET:
			rule_offset(m, low, (int64_t)read_uleb(&r));
			break;
		case CFA_RESTORE:
			rule_restore(m, low);
			break;
		default:
			if (!rule_extended(m, &r, op))
				return false;
		}
		if (m->loc > off)
			break;
	}
	return r.ok;
}

bool fde_rules(const struct object *o, const struct fde *f, uint64_t off, struct fde_rules *rules)
{
	static const uint8_t kept[FDE_KEPT] = { REG_RBX,     REG_RBP,     REG_R12,
						REG_R12 + 1, REG_R12 + 2, REG_R12 + 3 };
	struct machine m = { .loc = f->start };
	struct cie c;

	if (off < f->start || off >= f->end || !cie_read(o, f->cie, &c) || c.ra != REG_RIP)
		return false;
	m.c = &c;
	if (!rules_run(&m, o, c.insns, c.insns_end, off))
		return false;
	m.initial = m.now;
	if (!rules_run(&m, o, f->insns, f->insns_end, off))
		return false;
	if (m.now.undefined || m.now.at[REG_RIP] != -8 ||
	    (m.now.cfa_reg != REG_RSP && m.now.cfa_reg != REG_RBP))
		return false;
	rules->by_rbp = m.now.cfa_reg == REG_RBP;
	rules->offset = m.now.cfa_offset;
	for (int i = 0; i < FDE_KEPT; i++)
		rules->at[i] = m.now.at[kept[i]];
	return true;
}
