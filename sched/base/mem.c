/* SPDX-License-Identifier: MIT */
/* Pages of our own, and the mem* functions that a compiler may call by itself. */
#include "sched/base/mem.h"

#include <sys/mman.h>
#include <sys/uio.h>

#include "sched/base/raw.h"

static void *map(size_t size, int flags)
{
	long p = raw6(SYS_mmap, 0, (long)mem_round(size, MEM_PAGE), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return raw_failed(p) ? NULL : (void *)p;
}

void *mem_pages(size_t size)
{
	return map(size, 0);
}

void *mem_reserve(size_t size)
{
	return map(size, MAP_NORESERVE);
}

void mem_release(void *p, size_t size)
{
	raw2(SYS_munmap, p, mem_round(size, MEM_PAGE));
}

bool mem_peek(void *dst, const void *src, size_t n)
{
	struct iovec to = { dst, n }, from = { (void *)src, n };

	return raw6(SYS_process_vm_readv, raw0(SYS_getpid), (long)&to, 1, (long)&from, 1, 0) ==
	       (long)n;
}

/* The compiler may emit calls to these for struct copies. libc's would use vector registers, so
 * ours are hidden definitions that win within the library. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memset(void *dst, int c, size_t n);
void *memmove(void *dst, const void *src, size_t n);

__attribute__((visibility("hidden"))) void *memcpy(void *restrict dst, const void *restrict src,
						   size_t n)
{
	mem_copy(dst, src, n);
	return dst;
}

__attribute__((visibility("hidden"))) void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

__attribute__((visibility("hidden"))) void *memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if (d <= s || d >= s + n) {
		mem_copy(dst, src, n);
		return dst;
	}
	while (n--)
		__asm__ volatile("movb (%1), %%al\n\tmovb %%al, (%0)"
				 :
				 : "r"(d + n), "r"(s + n)
				 : "al", "memory");
	return dst;
}
