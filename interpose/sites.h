/* SPDX-License-Identifier: MIT */
/*
 * sites: finds the system call instructions of a loaded object, and room for a jump at each
 *
 * A *site* is one `syscall` instruction together with its *window*: whole instructions, at least
 * five bytes, that a jump may replace. Two promises are made of every site that sites_find() hands
 * out; what cannot be proven is left alone and counted with its reason.
 *
 *  1. It is an instruction. Its bytes 0f 05 lie on a boundary that decoding from the start of its
 *     function (its FDE) reaches, and the whole function decodes without contradiction: it ends
 *     where its FDE ends, and each of its direct branches lands on a boundary or just behind a
 *     lock prefix. (Padding or data between instructions is stepped over where an earlier branch
 *     says what follows.) So an immediate that contains 0f 05, or that looks like `mov $nr,%eax`,
 *     is never taken for code. clone and clone3 end their FDE before the syscall; where an FDE
 *     ends with an instruction that runs on into the next, decoding runs on with it, up to the next
 *     FDE.
 *
 *  2. Nothing jumps into its window, except to its first byte. Control can only come to an address
 *     that some bytes of the object name, so the names are looked for, everywhere in the object:
 *      - direct branches (rel8, rel32). Those of the function itself are decoded. Those from
 *        elsewhere (the .cold part of the same function, hand-written tails) are searched for as
 *        byte patterns in all executable segments: a superset of what the code can contain. A hit
 *        in a window is checked by decoding the function that holds the pattern, and believed when
 *        that has no FDE.
 *      - jump tables: four-byte entries relative to the table, whose address is taken by a
 *        RIP-relative lea. Every address so taken that lies in memory never written is read as such
 *        a table, up to the first entry that does not lead to code, or to the next address that
 *        another lea takes. The bound that the function checks need not be known: all entries of
 *        a real table lead to instructions, and what is read past its end can only make us more
 *        careful.
 *      - the address of code itself: by RIP-relative lea, by a relocation (pointers in data, tables
 *        of labels), by a dynamic symbol, by an exception's landing pad in .gcc_except_table.
 *      - sums: label plus a distance from a table of distances (`&&a - &&b` in C). A function that
 *        jumps to a computed address *and* takes the address of a label of its own is left alone.
 *      - absolute immediates: only position-dependent objects have them, and these are refused.
 *     Two things are not looked for: branches of at most 127 bytes, from one function into the
 *     *middle* of an instruction of another, and addresses made up at run time.
 *
 * Rules of this file: called from an ordinary function, once per object, by one thread at a time
 * (activation). No malloc of its own, scratch memory comes from mem.h; but the first call opens
 * libZydis with dlopen(), which does allocate. Vector registers are used.
 *
 * What must not be patched though it can be proven is the caller's to say, through want():
 * rt_sigreturn (unwinders know a signal frame by its bytes; such functions are also left alone when
 * their FDE says so), vfork's when the entry routine needs the stack.
 */
#ifndef GOTHREADS_SITES_H
#define GOTHREADS_SITES_H

#include "interpose/object.h"

enum site_flags {
	SITE_TAIL = 1 << 0,   /* the window begins with the syscall; else it ends with it */
	SITE_RIPREL = 1 << 1, /* it has one RIP-relative operand, see rip and rip_end */

	/* A value may be live in a vector, MMX or x87 register across the syscall. Clear means proven
	 * not: the function touches none of these, nor does control leave it for another or come into
	 * its middle from another other than by calls and returns. (What that leaves out are values
	 * which the ABI lets cross its borders: an argument of floating type that is handed, untouched,
	 * to a callee behind an inline system call, or one computed in the main part of a function and
	 * returned by a .cold part that has the system call. No function of libc takes or returns any
	 * and makes a system call.) */
	SITE_VEC = 1 << 2,

	/* An instruction other than the first begins within the first five bytes. A thread that was
	 * interrupted there, or whose system call the kernel restarts there, would resume inside the
	 * jump: to be patched only while no other thread exists. Always set with SITE_TAIL. */
	SITE_SPLIT = 1 << 3,
};

enum {
	SITE_MIN = 5,  /* bytes that a jump needs */
	SITE_MAX = 19, /* bytes of the longest window: four, and the longest instruction */
};

struct site {
	uint32_t start;  /* offset of the window from the object's base */
	uint8_t len;     /* its bytes, SITE_MIN..SITE_MAX */
	uint8_t sys;     /* offset in the window of the syscall instruction */
	uint8_t first;   /* length of its first instruction */
	uint8_t flags;   /* enum site_flags */
	int16_t nr;      /* the number proven to be in eax, or -1 */
	uint8_t rip;     /* SITE_RIPREL: offset in the window of the 32-bit displacement, else 0 */
	uint8_t rip_end; /* ... and of the end of its instruction, which it counts from */
};

/* Why a syscall was left alone, in the order in which it is found out. */
enum sites_left {
	SITES_LEFT_NO_FUNCTION, /* no FDE covers it, nor runs on into it */
	SITES_LEFT_SIGFRAME,    /* a signal trampoline: unwinders know it by its bytes */
	SITES_LEFT_LARGE,       /* its function is larger than we decode */
	SITES_LEFT_UNDECODED,   /* its function does not decode without contradiction */
	SITES_LEFT_EMBEDDED,    /* 0f 05 is a part of another instruction: no syscall at all */
	SITES_LEFT_COMPUTED,    /* its function computes the addresses it jumps to */
	SITES_LEFT_ROOM,        /* too little straight code on either side */
	SITES_LEFT_RIPREL,      /* more RIP-relative operands than one, or an odd one */
	SITES_LEFT_TARGET,      /* something jumps into either window */
	SITES_LEFT_OVERLAP,     /* the window of the site before takes the room */
	SITES_LEFT_REASONS
};

struct sites_stats {
	unsigned raw;                      /* byte pairs 0f 05 in executable segments */
	unsigned found;                    /* sites handed out, of which: */
	unsigned tail, riprel, vec, split; /*   with that flag */
	unsigned unknown;                  /*   with nr -1 */
	unsigned unwanted;                 /* whose number want() refused */
	unsigned left[SITES_LEFT_REASONS]; /* found + unwanted + all of these = raw */
	unsigned functions, insns;         /* looked at, instruction by instruction */
	unsigned decoded;                  /* instructions that libZydis was asked about */
	const char *why;                   /* the reason when sites_find() failed, else NULL */
};

/*
 * Finds the sites of O whose number WANT() accepts (asked with 0..32767 only; a site whose number
 * is not known is always wanted), at most MAX of them, into OUT in order of address; windows do
 * not overlap.
 *
 * A number is known when `mov $nr,%eax` (or xor %eax,%eax) is the instruction before, or comes
 * before it in straight code that does not write eax and into which nothing jumps.
 *
 * Functions all of whose system calls follow the bytes of a `mov $nr,%eax` with an unwanted number
 * are not decoded: should those bytes belong to something else, a site is missed, never a wrong one
 * found.
 *
 * Returns how many, or -ENOENT (libZydis cannot be had), -ENOTSUP (O is position-dependent, or not
 * of this machine), -EFBIG (O is 4 GiB or more), -ENOSPC (more than MAX), -ENOMEM; ST is always
 * filled in.
 */
long sites_find(const struct object *o, bool (*want)(int nr), struct site *out, size_t max,
		struct sites_stats *st);

/* The reason as a phrase, to follow "left alone: ". */
const char *sites_left_phrase(enum sites_left why);

#endif
