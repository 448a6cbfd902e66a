/* SPDX-License-Identifier: MIT */
/*
 * room: where trampolines lie, so that unwinders know them
 *
 * An unwinder finds the rules for an address in the object that covers it. So the trampolines lie in
 * our own: in a piece of its .bss, over which they are mapped (patch.c), and for all of which there
 * is one FDE (room.S). Its rules are those of the patched function at its syscall, and they differ
 * from trampoline to trampoline; therefore each has them, as data, at the end of its slot, and the
 * expressions of the FDE compute the slot from the pc and look there. That also tells how far rsp
 * has been moved already. No unwinder needs to be told anything at run time: not libgcc's
 * (exceptions, cancellation), nor gdb.
 *
 * Between the start of a window and its syscall the rules of the function may change, by a push say;
 * the few instructions up to there have those that hold at the syscall.
 */
#ifndef GOTHREADS_ROOM_H
#define GOTHREADS_ROOM_H

#define ROOM_SIZE 262144 /* bytes, a few objects */
#define ROOM_SLOT 64     /* bytes of a trampoline, and what it is aligned to */

/* In a slot, behind the code: */
#define ROOM_LEA 50  /* offset of the lea in the slot, of 5 bytes; then a push and a jmp, 6 each */
#define ROOM_KIND 51 /* what the CFA is counted from */
#define ROOM_CFA 52  /* ... and how far: 2 bytes */
#define ROOM_KEPT 54 /* rbx, rbp, r12 to r15: saved at the CFA - 8 * this; 0: not saved */
#define ROOM_DATA ROOM_LEA

#define ROOM_BY_RSP 0
#define ROOM_BY_RBP 1
#define ROOM_NO_RULES 2 /* the walk ends here */

#ifndef __ASSEMBLER__
extern char patch_room[ROOM_SIZE];
#endif

#endif
