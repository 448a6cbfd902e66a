/* SPDX-License-Identifier: MIT */
/* room: the place for trampolines, and how to walk from any address in it; see room.h */
#include "interpose/room.h"

	.section .bss.patch_room, "aw", @nobits
	.balign	4096
	.globl	patch_room
	.hidden	patch_room
	.type	patch_room, @object
	.size	patch_room, ROOM_SIZE
patch_room:
	.zero	ROOM_SIZE

/* DWARF: call frame instructions, and operations of a stack machine. */
#define CFA_DEF_EXPRESSION	0x0f
#define CFA_VAL_EXPRESSION	0x16
#define OP_DEREF	0x06
#define OP_CONST1U	0x08
#define OP_CONST1S	0x09
#define OP_DUP		0x12
#define OP_DROP		0x13
#define OP_OVER		0x14
#define OP_PICK		0x15
#define OP_SWAP		0x16
#define OP_AND		0x1a
#define OP_MINUS	0x1c
#define OP_MUL		0x1e
#define OP_PLUS		0x22
#define OP_PLUS_UCONST	0x23
#define OP_BRA		0x28
#define OP_EQ		0x29
#define OP_LE		0x2c
#define OP_SKIP		0x2f
#define OP_LIT(n)	0x30 + (n)
#define OP_BREG(r)	0x70 + (r)
#define OP_DEREF_SIZE	0x94
#define RBP	6
#define RSP	7
#define RIP	16

	.macro	branch op, to
	.byte	\op
	.2byte	\to - (. + 2)
	.endm

	/* The slot of the pc. */
	.macro	push_slot
	.byte	OP_BREG(RIP), 0, OP_CONST1S, -ROOM_SLOT, OP_AND
	.endm

	/* What the slot on top has at OFFSET, in its place. */
	.macro	slot_data offset, size
	.byte	OP_PLUS_UCONST, \offset, OP_DEREF_SIZE, \size
	.endm

	/* Register REG (DWARF's number) is the Nth of those that are kept. On the stack: the CFA. */
	.macro	kept reg, n
	.byte	CFA_VAL_EXPRESSION, \reg
	.uleb128 .Lkept_end\@ - .Lkept\@
.Lkept\@:
	push_slot
	slot_data ROOM_KEPT + \n, 1
	.byte	OP_DUP
	branch	OP_BRA, .Lsaved\@
	.byte	OP_BREG(\reg), 0
	branch	OP_SKIP, .Lkept_end\@
.Lsaved\@:
	.byte	OP_LIT(8), OP_MUL, OP_MINUS, OP_DEREF
.Lkept_end\@:
	.endm

	.section .eh_frame, "a", @unwind
	.balign	8
.Lcie:
	.4byte	.Lcie_end - .Lcie_id
.Lcie_id:
	.4byte	0
	.byte	1
	.asciz	"zR"
	.uleb128 1
	.sleb128 -8
	.byte	RIP
	.uleb128 1
	.byte	0x1b	/* pc-relative, four bytes */
	.balign	8, 0
.Lcie_end:

	.4byte	.Lfde_end - .Lfde
.Lfde:
	.4byte	.Lfde - .Lcie
	.4byte	patch_room - .
	.4byte	ROOM_SIZE
	.uleb128 0

	.byte	CFA_DEF_EXPRESSION
	.uleb128 .Lcfa_end - .Lcfa
.Lcfa:
	push_slot				/* slot */
	.byte	OP_DUP
	slot_data ROOM_KIND, 1
	.byte	OP_LIT(ROOM_BY_RBP), OP_EQ
	branch	OP_BRA, .Lby_rbp
	.byte	OP_BREG(RSP), 0			/* slot, rsp */
	.byte	OP_OVER
	slot_data ROOM_LEA, 1
	.byte	OP_BREG(RIP), 0, OP_PICK, 3, OP_MINUS
	.byte	OP_SWAP, OP_MINUS		/* slot, rsp, how far behind the lea */
	.byte	OP_DUP, OP_LIT(0), OP_LE
	branch	OP_BRA, .Lat_function
	.byte	OP_DUP, OP_LIT(5), OP_LE
	branch	OP_BRA, .Lbehind_lea
	.byte	OP_DUP, OP_LIT(11), OP_LE
	branch	OP_BRA, .Lbehind_push
.Lat_function:
	.byte	OP_DROP
	branch	OP_SKIP, .Lbase
.Lbehind_lea:
	.byte	OP_DROP, OP_CONST1U, 128, OP_PLUS
	branch	OP_SKIP, .Lbase
.Lbehind_push:
	.byte	OP_DROP, OP_CONST1U, 136, OP_PLUS
	branch	OP_SKIP, .Lbase
.Lby_rbp:
	.byte	OP_BREG(RBP), 0
.Lbase:						/* slot, base */
	.byte	OP_OVER
	slot_data ROOM_CFA, 2
	.byte	OP_PLUS
.Lcfa_end:

	.byte	CFA_VAL_EXPRESSION, RIP
	.uleb128 .Lrip_end - .Lrip
.Lrip:						/* CFA */
	push_slot
	slot_data ROOM_KIND, 1
	.byte	OP_LIT(ROOM_NO_RULES), OP_EQ
	branch	OP_BRA, .Lno_caller
	.byte	OP_LIT(8), OP_MINUS, OP_DEREF
	branch	OP_SKIP, .Lrip_end
.Lno_caller:
	.byte	OP_LIT(0)
.Lrip_end:

	kept	3, 0	/* rbx */
	kept	RBP, 1
	kept	12, 2
	kept	13, 3
	kept	14, 4
	kept	15, 5
	.balign	8, 0
.Lfde_end:

	.section .note.GNU-stack, "", @progbits
