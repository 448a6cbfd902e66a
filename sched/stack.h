/* SPDX-License-Identifier: MIT */
/*
 * Stacks for the program's threads.
 *
 * A mapping and a guard of its own for each stack would cost two VMAs, and the kernel allows
 * 65,530 of them in all. So stacks are slots of slabs: one big mapping each, cut in slots of one
 * size that lie next to each other:
 *
 *     slab->lo                                                             slab->hi
 *     | guard | ... stack 0 ... TLS | guard | ... stack 1 ... TLS | guard | ...
 *     |<--------- size ------------>|<----------- size ---------->|
 *
 * A guard is a marker in the page table (MADV_GUARD_INSTALL, Linux 6.13), no VMA; older kernels,
 * and locked memory, get mprotect(). Released slots are kept, warm, for the next thread that asks
 * for their size; those that nobody has asked for in a while give their pages back.
 *
 * Rules of this file: raw system calls; no malloc; may sleep on a lock between Ms, so not from
 * signal handlers, except stack_contains() and those that say that they are lock-free.
 */
#ifndef GOTHREADS_STACK_H
#define GOTHREADS_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STACK_CLASSES = 64,       /* different sizes; for more there are no slots */
	STACK_SHALLOW = 64 << 10, /* see stack_clean() */
	STACK_KEPT = 16,          /* released ones of a size that stack_trim() leaves alone */
};

#define STACK_ANY_GUARD SIZE_MAX

/* How much of the top of a recycled slot is zeroed, in bytes: where glibc, which believes the
 * memory fresh, keeps its descriptor. (The TLS below it is initialized by glibc.) */
extern _Atomic size_t stack_zero_top;

/* SIZE bytes, rounded up to pages: a slot of exactly that, readable and writable but for GUARD
 * bytes at its low end, which fault. GUARD is a multiple of the page, less than SIZE, and may be
 * 0; STACK_ANY_GUARD leaves the guard to a stack_protect() that is to follow. Zeroed is only
 * [SIZE - stack_zero_top, SIZE). NULL when the kernel refuses, the arguments are no such
 * numbers, or there are to be no slots (stack_suspend): the caller then does what it would
 * without us. */
void *stack_get(size_t size, size_t guard);

/* The program unmaps [P, P + SIZE). True if that is exactly one slot: the slot is kept for reuse,
 * and there is nothing else to do (nor is there if it was released already). False: the unmapping
 * is the caller's to do; slots that it touches are never reused. */
bool stack_put(void *p, size_t size);

/* glibc makes [A, A + SIZE) of a stack inaccessible (NONE), or readable and writable. True if
 * this is about the guard of a slot in use, and *OK then says whether it was changed. False,
 * with nothing changed: the caller should ask the kernel, for it is not, or the program changed
 * its protections itself (stack_taint). */
bool stack_protect(uintptr_t a, size_t size, bool none, bool *ok);

/* Does A lie in a slab? Lock-free. */
bool stack_contains(uintptr_t a);

/* The program itself is about to change how the kernel treats [A, A + N): slots that the range
 * touches are mapped afresh before they are reused; their guards become what they would be
 * without us. Lock-free, as are the next two. */
void stack_taint(uintptr_t a, size_t n);

/* The program has mapped something else there. */
void stack_replaced(uintptr_t a, size_t n);

/* The program has moved away what was there, or is about to. */
void stack_lose(uintptr_t a, size_t n);

/* Does it look as if [A, A + N), from the low end of a slot upwards, has not been in use but for
 * its last STACK_SHALLOW bytes? A guess from one page that frames do not usually leave out;
 * false also when there is no such slot. */
bool stack_clean(uintptr_t a, size_t n);

/* Around a fork: the child inherits the slabs, whole. Both sides call the second. */
void stack_fork_begin(void);
void stack_fork_end(void);

/* Gives the pages of those released slots back to the kernel that were not needed since the last
 * call. Returns the bytes of address space of these, resident or not. To be called now and then. */
size_t stack_trim(void);

/* Will stack_trim() have something to do, now or the next time? */
bool stack_trim_pending(void);

/* While memory is locked (mlockall) there are no slots: they would be resident from end to end;
 * nor while the address space is limited: they would take what the program counts on. YES unmaps
 * all that are not in use, and what is put back from then on. */
void stack_suspend(bool yes);

#endif
