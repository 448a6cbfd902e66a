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
 * for their size. Slabs are never unmapped.
 *
 * Rules of this file: raw system calls; no malloc; may sleep on a lock between Ms, so not from
 * signal handlers, except stack_contains() and stack_taint(), which take none.
 */
#ifndef GOTHREADS_STACK_H
#define GOTHREADS_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STACK_CLASSES = 64 }; /* different sizes; for more there are no slots */

/* How much of the top of a recycled slot is zeroed, in bytes: where glibc, which believes the
 * memory fresh, keeps its descriptor and the TLS. Set before the first stack_get(). */
extern size_t stack_zero_top;

/* A slot of exactly SIZE bytes, readable and writable but for GUARD bytes at its low end, which
 * fault. Both are multiples of the page, GUARD < SIZE, and may be 0. NULL when the kernel refuses,
 * or the arguments are no such numbers: the caller then does what it would without us. */
void *stack_get(size_t size, size_t guard);

/* The program unmaps [P, P + SIZE). True if that is exactly one slot: the slot is kept for reuse,
 * and there is nothing else to do (nor is there if it was released already). False: the unmapping
 * is the caller's to do; slots that it touches are never reused. */
bool stack_put(void *p, size_t size);

/* Changes the guard of the slot in use that is exactly [P, P + SIZE) to GUARD bytes. False, with
 * nothing changed, if there is none such, the program changed its protections itself (see
 * stack_taint), or the kernel refuses. */
bool stack_guard(void *p, size_t size, size_t guard);

/* Does A lie in a slab? Lock-free. */
bool stack_contains(uintptr_t a);

/* The program itself changes how the kernel treats [A, A + N): slots that the range touches are
 * mapped afresh before they are reused. Lock-free. */
void stack_taint(uintptr_t a, size_t n);

/* In the child of a fork: there are no slabs. The memory stays mapped, as the parent's threads'
 * stacks do after any fork; what is unmapped from now on really is. */
void stack_forget(void);

/* Gives the pages of released slots back to the kernel, all but the topmost of each. Returns the
 * bytes of address space that were given back since they were last used, resident or not. */
size_t stack_trim(void);

#endif
