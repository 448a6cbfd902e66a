/* SPDX-License-Identifier: MIT */
/*
 * names: who names an address in an object's code?
 *
 * Control can only come to an address that some bytes of the object name (see sites.h for the whole
 * argument). names_find() looks for these bytes everywhere in the object, and reports those whose
 * address lies near something of interest. Executable segments are not decoded for that: every byte
 * sequence that would be a branch or a lea if an instruction began there is taken for one. So
 * nothing is missed, and some of what is reported is not so.
 *
 * Not looked for: rel8 branches, which are to be found near what they lead to; xbegin, whose
 * fallback is in its own function; absolute immediates.
 *
 * Rules of this file: no allocation, no libc; vector registers are used. About 0.5 ms for libc.
 */
#ifndef GOTHREADS_NAMES_H
#define GOTHREADS_NAMES_H

#include "interpose/bytes.h"
#include "interpose/object.h"

enum name_kind {
	NAME_JUMP,  /* jmp and jcc, rel32 */
	NAME_CALL,  /* call rel32 */
	NAME_LEA,   /* RIP-relative lea */
	NAME_TABLE, /* an entry, relative to its table, of a table whose address a lea takes */
	NAME_DATA,  /* a relocated pointer, or a dynamic symbol */
};

struct name {
	uint32_t target;
	uint32_t end;          /* of the instruction, if it is one; NAME_DATA: 0 */
	uint32_t table, entry; /* NAME_TABLE: where the table begins, where the entry lies */
	enum name_kind kind;
};

/* What may be a table: something whose address a lea takes, and that begins with the distance of
 * code from itself. */
struct table {
	uint32_t at;
	uint32_t end; /* of the lea, if it is one */
};

enum {
	NAMES_GRAIN = 16, /* bytes of text for a bit of near */
	NAMES_TABLES =
		1 << 16, /* tables that are remembered; those of more are longer than they are */
	NAMES_CONSTANT = 8,
};

/* The owner fills in the first group. */
struct names {
	const struct object *o;
	struct range text;    /* all executable segments, and what lies between */
	const uint64_t *near; /* a bit for each NAMES_GRAIN bytes of text: of interest? */
	struct table *tables; /* room for NAMES_TABLES */
	void (*visit)(void *arg, const struct name *name);
	void *arg;

	uint32_t ntables;
	struct range constant[NAMES_CONSTANT]; /* segments that are never written */
	unsigned nconstant;
};

void names_find(struct names *n);

#endif
