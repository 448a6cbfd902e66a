/* SPDX-License-Identifier: MIT */
/*
 * Threads' stacks come from slabs (sched/stack.h).
 *
 * What glibc does around a stack (nptl/allocatestack.c, pthread_create.c) is
 *
 *	mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)
 *	mprotect(stack + guard, size - guard, PROT_READ | PROT_WRITE)
 *	… later, on another stack of its cache, an mprotect when the guard is to be larger or smaller
 *	madvise(stack, all but some 16 kB below the stack pointer, MADV_DONTNEED) when the thread ends
 *	munmap(stack, size) when its cache is full
 *
 * all but the last two within pthread_create(), so that g->creating tells them from the
 * program's own calls, which are real and taint the slot. Here these calls cost nothing: the
 * slot is mapped, and its guard is what it was, nearly always.
 *
 * The madvise gives back what the thread has soiled, but for the topmost 16 kB. It costs more
 * than all the rest of a thread that does nothing, so we carry it out only where there is
 * something to give back: not for a life shorter than touching many pages takes, nor, unless
 * that was very long, where a look at one page says that the stack was not deep. Where that errs
 * some memory stays until stack_trim() or the next such thread.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/raw.h"
#include "sched/gtab.h"
#include "sched/stack.h"

/* Cycles: some 100 us, in which the kernel could provide 200 pages or so; and some 100 ms. */
enum { SHORT_LIFE = 1 << 18, LONG_LIFE = 1 << 28 };

static const int STACK_FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK;

long seam_make_stack(struct g *g, const struct seam *s)
{
	size_t size = (size_t)s->arg[1];
	long prot = s->arg[2];
	char *p;

	if (!g || !g->creating || s->arg[3] != STACK_FLAGS || s->arg[0] || (int)s->arg[4] != -1)
		return 0;
	if (prot != PROT_NONE && prot != (PROT_READ | PROT_WRITE))
		return 0;
	p = stack_get(size, prot == PROT_NONE ? STACK_ANY_GUARD : 0);
	if (!p)
		return 0;
	g->made_hi = (uintptr_t)p + size;
	return (long)p;
}

/* Descriptor and TLS lie at the end of the stack, as TLS says; only the descriptor must be
 * zeroed. */
void seam_stack_made(struct g *g, uintptr_t tls)
{
	static _Atomic bool known;
	size_t n = g->made_hi - tls;

	if (!g->made_hi)
		return;
	g->made_hi = 0;
	if (!atomic_load_explicit(&known, memory_order_relaxed) ||
	    n > atomic_load_explicit(&stack_zero_top, memory_order_relaxed)) {
		atomic_store_explicit(&stack_zero_top, n, memory_order_relaxed);
		atomic_store_explicit(&known, true, memory_order_relaxed);
	}
}

long sys_mprotect(struct g *g, struct seam *s)
{
	uintptr_t a = (uintptr_t)s->arg[0];
	size_t n = (size_t)s->arg[1];
	long prot = s->arg[2];
	bool ok;

	if (!stack_contains(a))
		return seam_raw(s);
	if (g && g->creating) {
		/* An executable stack has its guard all the same. */
		bool answered = !(prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) &&
				stack_protect(a, n, prot == PROT_NONE, &ok);

		if (answered && !ok)
			return -ENOMEM;
		if (answered && !(prot & PROT_EXEC))
			return 0;
	}
	stack_taint(a, n);
	return seam_raw(s);
}

long sys_pkey_mprotect(struct g *g, struct seam *s)
{
	(void)g;
	stack_taint((uintptr_t)s->arg[0], (size_t)s->arg[1]);
	return seam_raw(s);
}

long sys_munmap(struct g *g, struct seam *s)
{
	(void)g;
	if (!((uintptr_t)s->arg[0] % 4096) && s->arg[1] &&
	    stack_put((void *)s->arg[0], (size_t)s->arg[1]))
		return 0;
	return seam_raw(s);
}

static bool little_to_clear(const struct g *g, uintptr_t a, size_t n)
{
	uint64_t life = arch_cycles() - g->started;

	if (life < SHORT_LIFE)
		return stack_contains(a);
	return life < LONG_LIFE && stack_clean(a, n);
}

/* Signal 32 is blocked in glibc's own code only, so that this is the end of G. */
static bool ends(const struct g *g)
{
	return atomic_load_explicit(&g->sigmask, memory_order_relaxed) >> 31 & 1;
}

long sys_madvise(struct g *g, struct seam *s)
{
	uintptr_t a = (uintptr_t)s->arg[0];

	switch ((int)s->arg[2]) {
	case MADV_DONTNEED:
		if (g && g->stack_lo == a && ends(g) && little_to_clear(g, a, (size_t)s->arg[1]))
			return 0;
		break;
	/* What changes the contents, at most, or nothing. */
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_FREE:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		break;
	default:
		stack_taint(a, (size_t)s->arg[1]);
	}
	return seam_raw(s);
}

long sys_mlock(struct g *g, struct seam *s)
{
	stack_taint((uintptr_t)s->arg[0], (size_t)s->arg[1] + 4096);
	return g ? seam_call(g, s, 0) : seam_raw(s);
}

/* From now on all stacks are the kernel's, also after a munlockall(). */
long sys_mlockall(struct g *g, struct seam *s)
{
	long r;

	/* First, lest slots that nobody uses be made resident. */
	stack_suspend(true);
	r = g ? seam_call(g, s, 0) : seam_raw(s);
	if (raw_failed(r))
		stack_suspend(false);
	return r;
}

long sys_prlimit64(struct g *g, struct seam *s)
{
	long who = s->arg[0], r = sys_of_process(g, s);
	struct rlimit l;

	if (raw_failed(r) || !s->arg[2] || (s->arg[1] != RLIMIT_AS && s->arg[1] != RLIMIT_DATA) ||
	    (who && who != raw0(SYS_getpid) && !gtab_find((int32_t)who)))
		return r;
	if (arch_copy_user(&l, (void *)s->arg[2], sizeof l) == 0 && l.rlim_cur != RLIM_INFINITY)
		stack_suspend(true);
	return r;
}
