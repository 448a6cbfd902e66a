/* SPDX-License-Identifier: MIT */
/*
 * Memory of our own: pages from the kernel, never malloc (the program's allocator may be in the
 * middle of itself when we run).
 */
#ifndef GOTHREADS_MEM_H
#define GOTHREADS_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEM_PAGE = 4096 };

static inline size_t mem_round(size_t n, size_t to)
{
	return (n + to - 1) & ~(to - 1);
}

/* SIZE bytes, rounded up to pages, zeroed; NULL when the kernel has none. */
void *mem_pages(size_t size);

/* The same, but address space only: pages appear when touched and are not counted against
 * overcommit. */
void *mem_reserve(size_t size);

void mem_release(void *p, size_t size);

/* Copies N bytes from SRC, which may be anything: false if they are not all there, or if the kernel
 * does not let us ask (process_vm_readv). May run in a signal handler. */
bool mem_peek(void *dst, const void *src, size_t n);

/* memcpy and memset without a vector register: libc's may not be called where a system call's
 * caller expects its vector registers kept. */
static inline void mem_copy(void *dst, const void *src, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

static inline void mem_zero(void *dst, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(0) : "memory");
}

#endif
