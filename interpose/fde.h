/* SPDX-License-Identifier: MIT */
/*
 * fde: where functions begin and end, from .eh_frame_hdr and .eh_frame
 *
 * The linker's binary search table (PT_GNU_EH_FRAME) leads to the FDE of an address; the FDE says
 * how long its function is, where its exception table (LSDA) lies, and whether it is a signal
 * trampoline; its instructions, how to walk from any address of it to its caller. Formats: the LSB,
 * "Exception Frames", and the DWARF pointer encodings; the LSDA as gcc and clang write it for C and C++.
 *
 * Rules of this file: reads only; bytes that make no sense are answered with "no function", never
 * followed out of the object.
 */
#ifndef GOTHREADS_FDE_H
#define GOTHREADS_FDE_H

#include "interpose/object.h"

/* The search table of one object. */
struct fde_table {
	const struct object *o;
	uint64_t hdr;        /* offset of .eh_frame_hdr; the table's values are relative to it */
	const int32_t *rows; /* pairs: start of function, its FDE; sorted */
	uint32_t nrows;      /* 0: the object has no table that we read */
};

/* What one FDE says. Offsets from the object's base. */
struct fde {
	uint64_t start, end;
	uint64_t next; /* where the next FDE starts, UINT64_MAX: there is none */
	uint64_t lsda; /* 0: none */
	uint64_t cie;
	uint64_t insns, insns_end;
	bool sigframe;
};

/* Where an address's caller is to be found: the registers that a function keeps for it. */
enum { FDE_RBX, FDE_RBP, FDE_R12, FDE_R13, FDE_R14, FDE_R15, FDE_KEPT };
struct fde_rules {
	bool by_rbp; /* the CFA is rbp + offset; else rsp + offset */
	int64_t offset;
	int64_t at[FDE_KEPT]; /* saved at CFA + this; 0: still in the register */
};

void fde_open(struct fde_table *t, const struct object *o);

/* The last FDE that starts at or before OFF, whether or not it reaches that far; false when there
 * is none, or when it cannot be read. */
bool fde_find(const struct fde_table *t, uint64_t off, struct fde *f);

/* Calls VISIT with every landing pad of F; false when its LSDA cannot be read. */
bool fde_landing_pads(const struct object *o, const struct fde *f,
		      void (*visit)(void *arg, uint64_t pad), void *arg);

/* The rules in force at OFF of F. False: they are of another kind, or cannot be read; or nobody called, as
 * at the first function of a thread. */
bool fde_rules(const struct object *o, const struct fde *f, uint64_t off, struct fde_rules *rules);

#endif
