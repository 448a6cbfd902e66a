/* SPDX-License-Identifier: MIT */
/*
 * decoder: what the finder of sites wants to know about an instruction
 *
 * It is libZydis that knows. The library is not linked, for a process that never makes a thread
 * never needs it: decoder_open() opens it when it is first needed.
 *
 * What is kept of an instruction is all but the values of its displacement and its immediate. These
 * are its last bytes; the bytes before them, its *head* (prefixes, opcode, ModRM, SIB), decide
 * about everything else. So an instruction whose head was seen before has the shape seen before,
 * and most of them were: for libc the library is asked 2,800 times, not 16,000 times (0.8 ms).
 *
 * Rules of this file: decoder_open() calls dlopen(), which allocates; nothing else does.
 */
#ifndef GOTHREADS_DECODER_H
#define GOTHREADS_DECODER_H

#include "interpose/bytes.h"

enum shape_bits {
	INSN_FLOW = 1 << 0, /* changes control flow, or traps: cannot be moved */
	INSN_STOP = 1 << 1, /* never runs on into the next instruction */
	INSN_CALL = 1 << 2,
	INSN_INDIRECT = 1 << 3, /* jumps to an address it is told */
	INSN_RIP = 1 << 4,      /* has a RIP-relative operand */
	INSN_ODD = 1 << 5,      /* has an EIP-relative operand */
	INSN_EAX = 1 << 6,      /* loads eax with its immediate; with 0, if it has none */
	INSN_VEC = 1 << 7,      /* may touch a vector, MMX or x87 register */
};

struct shape {
	uint64_t head;    /* its bytes, zeroes behind them */
	uint8_t head_len; /* 0: an empty slot; more than 8: not to be found again */
	uint8_t len;      /* of the instruction */
	uint8_t bits;     /* enum shape_bits */
	uint8_t disp;     /* INSN_RIP: offset of the displacement, four bytes */
	uint8_t imm;      /* offset of the immediate */
	uint8_t imm_size; /* its bytes, 0: none */
	bool relative;    /* it is the distance that a branch goes */
};

enum { DECODER_SHAPES = 1 << 12 };

/* Shapes seen. */
struct decoder {
	struct shape *shapes;  /* DECODER_SHAPES of them, zeroed by the owner: a table over heads */
	uint16_t lengths[256]; /* the lengths of heads with this first byte: a bit each */
	struct shape passing;  /* one that is not kept */
	unsigned asked;        /* how often the library was */
};

/* Opens the library, once; NULL, or why it cannot be had. */
const char *decoder_open(void);

/* The shape of the instruction at P, of which ROOM bytes are there; NULL: it is none. Good until
 * the next call. */
const struct shape *decoder_shape(struct decoder *d, const uint8_t *p, uint64_t room);

/* The immediate of the instruction at P, sign-extended; 0 without one. */
static inline uint64_t shape_imm(const struct shape *h, const uint8_t *p)
{
	switch (h->imm_size) {
	case 1:
		return (uint64_t)(int8_t)p[h->imm];
	case 2:
		return (uint64_t)(int16_t)(p[h->imm] | p[h->imm + 1] << 8);
	case 4:
		return (uint64_t)(int32_t)load32(p + h->imm);
	case 8:
		return load64(p + h->imm);
	default:
		return 0;
	}
}

/* Does the instruction of LEN bytes at P write to any part of rax? True when it cannot be told. */
bool decoder_writes_eax(const uint8_t *p, unsigned len);

#endif
