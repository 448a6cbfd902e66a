/* SPDX-License-Identifier: MIT */
/*
 * patch: replaces the windows of sites by jumps, without ever making text writable
 *
 * A patched window begins with `jmp rel32` to a *trampoline* of its own:
 *
 *	<the instructions before the syscall, moved>
 *	lea	-128(%rsp), %rsp	# the red zone stays what it was
 *	push	resume(%rip)		# where libc goes on: the address behind the syscall
 *	jmp	*entry(%rip)
 *
 * The entry routine comes to run as if libc had called it instead of the system call, with 128
 * bytes skipped: CFA is rsp + 136, the return address at CFA - 136 is in libc's function, and so
 * unwinders walk from it straight on. It returns by popping that address and taking back the 128
 * bytes; all registers but rax (result), rcx and r11 (scratch, as at a system call) are kept, and
 * the flags need not be.
 *
 * A SITE_TAIL site has its instructions *behind* the syscall in the window: its trampoline moves
 * those, and resumes itself:
 *
 *	lea; push resume; jmp		# as above, with resume = the line below
 * resume:	<the instructions behind the syscall, moved>
 *	jmp	<the address behind the window>
 *
 * Trampolines lie in a room that unwinders know (room.h), so that they walk on from any instruction of
 * one, and from a frame that waits at a SITE_TAIL site. Only where the room is full, or farther from the
 * object than a jump reaches, do they lie elsewhere, and the walk ends there.
 *
 * What becomes of the rest of a window: where its second instruction begins behind the jump
 * (SITE_SPLIT clear; all the `mov $nr,%eax; syscall`), everything from there on stays as it was.
 * So a kernel thread that was interrupted between the two, or that sleeps in this very system call
 * and is made to restart it by a signal (the kernel then sets its pc back *to* the syscall), finds
 * the instruction it expects. All other bytes become int3: nobody comes there, and should it be
 * wrong, it is loud.
 *
 * How the bytes get there:
 *  - PATCH_BY_MEM, only while this is the only kernel thread of the process: writes through
 *    /proc/self/mem, which the kernel carries out on private copies of the pages whatever their
 *    protection. No mapping changes, so that gdb and perf keep seeing libc.
 *  - PATCH_BY_MAP, else, or where that is refused: from the first to the last page with a window,
 *    each executable segment is copied into a memfd, which is mapped over it PROT_READ|PROT_EXEC.
 *    A thread that runs there sees the old page or the new one; of the bytes it may be about to
 *    execute the two differ in nothing but where an instruction begins that now is a jump. That
 *    holds for sites without SITE_SPLIT alone, so the others are skipped when there are OTHERS.
 *
 * Nothing is ever mapped writable and executable, nor made executable after it was writable, unless
 * the kernel gives no memfd: then the trampolines are built in anonymous memory and mprotect()ed.
 *
 * Rules of this file: patch_object() is called from an ordinary function, by one thread at a time
 * (activation). It calls nothing of libc, whose system calls it is replacing under its feet, and
 * allocates with mem.h. patch_contains() may be called anywhere.
 */
#ifndef GOTHREADS_PATCH_H
#define GOTHREADS_PATCH_H

#include "interpose/sites.h"

enum patch_way { PATCH_NONE, PATCH_BY_MEM, PATCH_BY_MAP };

enum {
	PATCH_AREAS_MAX = 64, /* objects that are patched at a time */
	PATCH_JMP = 0xe9,     /* the first byte of a window that is patched: jmp rel32 */
	PATCH_CALL = 17,      /* bytes of a trampoline's lea, push and jmp */
	PATCH_RED_ZONE = 128, /* what the entry routine finds skipped below the caller's rsp */
};

/* The trampolines of one object: executable, never writable, there until the object
 * is forgotten; then hi is 0. */
struct patch_area {
	uintptr_t lo, hi;
	uintptr_t object; /* base of the object they belong to */
};

struct patch_result {
	enum patch_way way;
	unsigned patched;
	unsigned skipped; /* SITE_SPLIT and SITE_TAIL, when there were others */
	struct patch_area area;
	const char *why; /* why patching failed, in one phrase; else NULL */
};

/*
 * Patches the N sites S of O, in order of address as sites_find() gives them: each then jumps to
 * ENTRY. OTHERS: there are, or may be, other kernel threads in the process.
 *
 * Returns 0, or -errno having changed nothing of the object: -EPERM, -EACCES and the like when the
 * system lets nobody write text, -ENOSPC when no memory is free within 2 GiB of the object or all
 * areas are in use, -ENOMEM. R is always filled in.
 */
int patch_object(const struct object *o, const struct site *s, size_t n, void (*entry)(void),
		 bool others, struct patch_result *r);

/* The object at this base has been unmapped: so are its trampolines. Nothing may be in one. */
void patch_forget(uintptr_t object);

/* Is PC inside a trampoline? Async-signal-safe, lock-free, right from before the first jump to
 * one. */
bool patch_contains(uintptr_t pc);

/* All areas, *N of them; they stay. */
const struct patch_area *patch_areas(size_t *n);

#endif
