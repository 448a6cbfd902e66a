/* SPDX-License-Identifier: MIT */
/* Slabs of stacks. Criterion runs each test in a process of its own, so each begins with none. */
#define _GNU_SOURCE
#include "sched/stack.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 16 * PAGE };

/* Reads through the kernel, which says EFAULT where we would die. */
static bool readable(const void *p)
{
	char c;
	struct iovec to = { &c, 1 }, from = { (void *)p, 1 };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

static bool mapped(void *p, size_t n)
{
	unsigned char vec[64];

	return mincore(p, n, vec) == 0;
}

/* The guard becomes GUARD bytes, as glibc does it. */
static bool stack_guard(char *p, size_t size, size_t guard)
{
	bool ok = false;

	return stack_protect((uintptr_t)p + guard, size - guard, false, &ok) && ok;
}

static bool all_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

Test(stack, is_writable_above_its_guard)
{
	char *p = stack_get(SIZE, PAGE);

	cr_assert_not_null(p);
	cr_expect_eq((uintptr_t)p % PAGE, 0);
	cr_expect(all_zero(p + PAGE, SIZE - PAGE));
	memset(p + PAGE, 0x55, SIZE - PAGE);
	cr_expect_not(readable(p));
	cr_expect_not(readable(p + PAGE - 1));
}

Test(stack, guard_faults, .signal = SIGSEGV)
{
	volatile char *p = stack_get(SIZE, PAGE);

	signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would make it an abort */
	p[PAGE] = 1;
	p[PAGE - 1] = 1;
}

Test(stack, without_guard)
{
	char *p = stack_get(SIZE, 0);

	cr_assert_not_null(p);
	memset(p, 1, SIZE);
}

Test(stack, slots_do_not_overlap)
{
	enum { N = 3000 };
	static char *p[N];

	for (int i = 0; i < N; i++) {
		p[i] = stack_get(SIZE, PAGE);
		cr_assert_not_null(p[i]);
		cr_assert(stack_contains((uintptr_t)p[i]));
		cr_assert(stack_contains((uintptr_t)p[i] + SIZE - 1));
		memcpy(p[i] + PAGE, &i, sizeof(i));
		memcpy(p[i] + SIZE - sizeof(i), &i, sizeof(i));
	}
	for (int i = 0; i < N; i++) {
		cr_assert_eq(memcmp(p[i] + PAGE, &i, sizeof(i)), 0);
		cr_assert_eq(memcmp(p[i] + SIZE - sizeof(i), &i, sizeof(i)), 0);
	}
	for (int i = 0; i < N; i++)
		cr_assert(stack_put(p[i], SIZE));
}

static int count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int c, n = 0;

	cr_assert_not_null(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

Test(stack, guards_are_no_mappings)
{
	enum { GUARD_INSTALL = 102, N = 2000 };
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int before;

	if (madvise(page, PAGE, GUARD_INSTALL))
		cr_skip_test("the kernel has no guard markers");
	before = count_mappings();
	for (int i = 0; i < N; i++)
		cr_assert_not_null(stack_get(SIZE, PAGE));
	cr_expect_leq(count_mappings() - before, 50);
}

Test(stack, refuses_nonsense)
{
	cr_expect_null(stack_get(0, 0));
	cr_expect_null(stack_get(SIZE, 1));
	cr_expect_null(stack_get(SIZE, SIZE));
	cr_expect_null(stack_get(SIZE_MAX / PAGE * PAGE, PAGE));
	cr_expect_null(stack_get(SIZE_MAX, PAGE));
}

/* As mmap rounds; the descriptor ends where the size asked for does. */
Test(stack, rounds_up)
{
	char *p = stack_get(SIZE - 100, PAGE);

	memset(p + PAGE, 0x55, SIZE - PAGE);
	cr_expect(stack_put(p, SIZE - 100));
	stack_zero_top = 1000;
	cr_assert_eq(stack_get(SIZE - 200, PAGE), p);
	cr_expect(all_zero(p + SIZE - 1200, 1000));
	cr_expect_eq(p[SIZE - 1201], 0x55);
	cr_expect_eq(p[SIZE - 200], 0x55);
}

Test(stack, keeps_whatever_guard_it_has)
{
	char *p = stack_get(SIZE, PAGE);
	bool ok;

	cr_assert(stack_put(p, SIZE));
	cr_assert_eq(stack_get(SIZE, STACK_ANY_GUARD), p);
	cr_expect_not(readable(p + PAGE - 1));
	cr_expect(readable(p + PAGE));
	/* The ways in which glibc changes it. */
	cr_expect(stack_protect((uintptr_t)p, 4 * PAGE, true, &ok) && ok);
	cr_expect_not(readable(p + 4 * PAGE - 1));
	cr_expect(stack_protect((uintptr_t)p + PAGE, 3 * PAGE, false, &ok) && ok);
	cr_expect_not(readable(p + PAGE - 1));
	cr_expect(readable(p + PAGE));
	/* And others. */
	cr_expect_not(stack_protect((uintptr_t)p + PAGE, PAGE, true, &ok));
	cr_expect_not(stack_protect((uintptr_t)p + 2 * PAGE, PAGE, false, &ok));
	cr_expect_not(stack_protect((uintptr_t)p, SIZE, true, &ok));
	cr_expect_not(stack_protect((uintptr_t)p, 2 * SIZE, false, &ok));
}

Test(stack, contains_only_slabs)
{
	int here;

	cr_expect_not(stack_contains((uintptr_t)&here));
	cr_assert_not_null(stack_get(SIZE, 0));
	cr_expect_not(stack_contains((uintptr_t)&here));
	cr_expect_not(stack_contains(0));
	cr_expect_not(stack_contains(UINTPTR_MAX));
}

Test(stack, recycles_with_its_top_zeroed)
{
	char *p = stack_get(SIZE, PAGE);

	memset(p + PAGE, 0x55, SIZE - PAGE);
	cr_assert(stack_put(p, SIZE));
	cr_assert_eq(stack_get(SIZE, PAGE), p);
	cr_expect(all_zero(p + SIZE - stack_zero_top, stack_zero_top));
	cr_expect_eq(p[SIZE - stack_zero_top - 1], 0x55, "kept warm");
	cr_expect_not(readable(p));
}

Test(stack, zeroes_no_guard)
{
	char *p;

	stack_zero_top = 4 * SIZE;
	p = stack_get(SIZE, PAGE);
	memset(p + PAGE, 0x55, SIZE - PAGE);
	cr_assert(stack_put(p, SIZE));
	cr_assert_eq(stack_get(SIZE, PAGE), p);
	cr_expect(all_zero(p + PAGE, SIZE - PAGE));
}

Test(stack, recycles_with_another_guard)
{
	char *p = stack_get(SIZE, PAGE);

	cr_assert(stack_put(p, SIZE));
	cr_assert_eq(stack_get(SIZE, 3 * PAGE), p);
	cr_expect_not(readable(p + 3 * PAGE - 1));
	cr_expect(readable(p + 3 * PAGE));
	cr_assert(stack_put(p, SIZE));
	cr_assert_eq(stack_get(SIZE, 0), p);
	memset(p, 1, SIZE);
}

Test(stack, changes_its_guard)
{
	char *p = stack_get(SIZE, 0);

	cr_expect(stack_guard(p, SIZE, 2 * PAGE));
	cr_expect_not(readable(p + 2 * PAGE - 1));
	cr_expect(stack_guard(p, SIZE, PAGE));
	cr_expect_not(readable(p + PAGE - 1));
	p[PAGE] = 1;
	cr_expect(stack_guard(p, SIZE, 0));
	p[0] = 1;
	cr_expect_not(stack_guard(p, SIZE, SIZE));
	cr_expect_not(stack_guard(p, SIZE, 1));
	cr_expect_not(stack_guard(p, SIZE - PAGE, PAGE));
	cr_expect_not(stack_guard(p + PAGE, SIZE, PAGE));
	cr_assert(stack_put(p, SIZE));
	cr_expect_not(stack_guard(p, SIZE, PAGE));
}

/* Locked memory takes no guard markers, so this is what older kernels do for all. */
Test(stack, guards_by_protection)
{
	char *p = stack_get(SIZE, 0);

	if (mlock(p, SIZE))
		cr_skip_test("memory cannot be locked");
	cr_expect(stack_guard(p, SIZE, 2 * PAGE));
	cr_expect_not(readable(p + 2 * PAGE - 1));
	cr_expect(stack_guard(p, SIZE, PAGE));
	cr_expect_not(readable(p + PAGE - 1));
	p[PAGE] = 1;
	cr_expect(stack_guard(p, SIZE, 0));
	p[0] = 1;
}

Test(stack, put_knows_its_own)
{
	char *p = stack_get(SIZE, 0), *q = stack_get(SIZE, 0);
	char *other = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_expect_not(stack_put(other, SIZE));
	cr_expect(stack_put(p, SIZE - 1), "as munmap rounds");
	cr_expect(stack_put(p, SIZE), "twice is once");
	cr_expect_eq(stack_get(SIZE, 0), p);
	cr_expect_neq(stack_get(SIZE, 0), p);
	/* A part of one is the caller's to unmap, and so is what remains of it. */
	cr_expect_not(stack_put(q, PAGE));
	cr_expect_not(stack_put(q, SIZE));
	cr_expect_neq(stack_get(SIZE, 0), q);
}

Test(stack, released_slot_that_is_unmapped_is_not_reused)
{
	char *p = stack_get(SIZE, 0);

	cr_assert(stack_put(p, SIZE));
	cr_assert_not(stack_put(p + PAGE, PAGE));
	cr_assert_eq(munmap(p + PAGE, PAGE), 0);
	cr_expect_neq(stack_get(SIZE, 0), p);
	stack_trim();
}

Test(stack, sizes_are_apart)
{
	char *p = stack_get(SIZE, 0);

	cr_assert(stack_put(p, SIZE));
	cr_expect_neq(stack_get(2 * SIZE, 0), p);
	for (size_t i = 1; i <= STACK_CLASSES + 8; i++) {
		char *q = stack_get(i * PAGE, 0);

		if (q)
			memset(q, 1, i * PAGE);
		cr_expect((q != NULL) == (i <= STACK_CLASSES), "%zu", i);
	}
}

Test(stack, tainted_slot_is_fresh_again)
{
	char *p = stack_get(SIZE, PAGE);

	memset(p + PAGE, 0x55, SIZE - PAGE);
	cr_assert_eq(mprotect(p + 4 * PAGE, PAGE, PROT_NONE), 0);
	stack_taint((uintptr_t)p + 4 * PAGE, PAGE);
	cr_expect_not(stack_guard(p, SIZE, 0));
	cr_assert(stack_put(p, SIZE));
	cr_expect(all_zero(p, SIZE), "at once");
	cr_assert_eq(stack_get(SIZE, PAGE), p);
	cr_expect_not(readable(p + PAGE - 1));
	cr_expect(all_zero(p + PAGE, SIZE - PAGE));
	memset(p + PAGE, 1, SIZE - PAGE);
	cr_expect(stack_guard(p, SIZE, 0));
}

Test(stack, taint_stays_in_its_range)
{
	char *p = stack_get(SIZE, 0), *q = stack_get(SIZE, 0);

	p[0] = q[0] = 0x55;
	stack_taint((uintptr_t)p, SIZE);
	stack_taint((uintptr_t)q + SIZE, SIZE);
	stack_taint((uintptr_t)q, 0);
	cr_assert(stack_put(p, SIZE));
	cr_assert(stack_put(q, SIZE));
	cr_assert_eq(stack_get(SIZE, 0), q);
	cr_expect_eq(q[0], 0x55);
	cr_assert_eq(stack_get(SIZE, 0), p);
	cr_expect_eq(p[0], 0);
	stack_taint(0, SIZE_MAX);
	cr_assert(stack_put(q, SIZE));
	cr_assert_eq(stack_get(SIZE, 0), q);
	cr_expect_eq(q[0], 0);
}

Test(stack, slot_tainted_while_released)
{
	char *p = stack_get(SIZE, 0);

	cr_assert(stack_put(p, SIZE));
	cr_assert_eq(mprotect(p, SIZE, PROT_READ), 0);
	stack_taint((uintptr_t)p, SIZE);
	cr_assert_eq(stack_get(SIZE, 0), p);
	memset(p, 1, SIZE);
}

Test(stack, sees_whether_it_was_deep)
{
	enum { BIG = 64 * SIZE, ASKED = BIG - SIZE };
	char *p = stack_get(BIG, PAGE);

	cr_expect(stack_clean((uintptr_t)p, ASKED));
	memset(p + ASKED - STACK_SHALLOW + PAGE, 1, STACK_SHALLOW - PAGE);
	cr_expect(stack_clean((uintptr_t)p, ASKED));
	cr_expect(stack_clean((uintptr_t)p, STACK_SHALLOW));
	memset(p + ASKED - 2 * STACK_SHALLOW, 1, 2 * STACK_SHALLOW);
	cr_expect_not(stack_clean((uintptr_t)p, ASKED));
	cr_expect_not(stack_clean((uintptr_t)p + PAGE, ASKED));
	cr_expect_not(stack_clean((uintptr_t)p, BIG + PAGE));
	madvise(p, ASKED, MADV_DONTNEED);
	cr_expect(stack_clean((uintptr_t)p, ASKED));
	stack_taint((uintptr_t)p, PAGE);
	cr_expect_not(stack_clean((uintptr_t)p, ASKED));
}

Test(stack, tainted_guard_is_the_kernels)
{
	char *p = stack_get(SIZE, PAGE);

	stack_taint((uintptr_t)p, PAGE);
	cr_expect_not(readable(p));
	cr_assert_eq(mprotect(p, PAGE, PROT_READ | PROT_WRITE), 0);
	p[0] = 1;
}

Test(stack, child_inherits_them)
{
	char *p = stack_get(SIZE, PAGE), *q;
	int status;
	pid_t pid;

	p[SIZE - 1] = 7;
	stack_fork_begin();
	pid = fork();
	stack_fork_end();
	cr_assert_geq(pid, 0);
	if (!pid) {
		if (!stack_contains((uintptr_t)p) || p[SIZE - 1] != 7 || readable(p) ||
		    !stack_put(p, SIZE))
			_exit(1);
		if (stack_get(SIZE, 0) != p || p[0])
			_exit(2);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0);
	q = stack_get(SIZE, PAGE);
	cr_expect(q && q != p);
	cr_expect_not(readable(p));
	cr_expect(stack_put(p, SIZE));
}

static int resident(char *p)
{
	unsigned char vec[SIZE / PAGE];
	int n = 0;

	cr_assert_eq(mincore(p, SIZE, vec), 0);
	for (int i = 0; i < SIZE / PAGE; i++)
		n += vec[i] & 1;
	return n;
}

Test(stack, trims_what_was_not_needed)
{
	enum { N = STACK_KEPT + 8 };
	char *p[N];

	for (int i = 0; i < N; i++) {
		p[i] = stack_get(SIZE, PAGE);
		memset(p[i] + PAGE, 0x55, SIZE - PAGE);
	}
	cr_expect_not(stack_trim_pending());
	cr_expect_eq(stack_trim(), 0);
	for (int i = N; i-- > 0;)
		cr_assert(stack_put(p[i], SIZE));
	cr_expect(stack_trim_pending());
	cr_expect_eq(stack_trim(), 0, "all were in use");
	cr_expect_eq(stack_trim(), 8 * SIZE);
	cr_expect_eq(stack_trim(), 0);
	cr_expect_not(stack_trim_pending());
	for (int i = 0; i < N; i++)
		cr_expect_eq(resident(p[i]), i < STACK_KEPT ? SIZE / PAGE - 1 : 0, "%d", i);
	/* The warm ones first, then the others, as good as new. */
	for (int i = 0; i < N; i++) {
		char *q = stack_get(SIZE, PAGE);

		cr_expect_not(readable(q));
		if (i < STACK_KEPT)
			cr_expect_eq(q, p[i], "%d", i);
		else
			cr_expect(all_zero(q + PAGE, SIZE - PAGE), "%d", i);
	}
}

/* More than one slab's worth, twice: those of which nothing is in use are mapped anew. */
Test(stack, cold_ones_are_as_good_as_new)
{
	enum { N = 300 };
	static char *p[N];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			p[i] = stack_get(SIZE, PAGE);
			cr_assert_not(readable(p[i] + PAGE - 1));
			cr_assert(all_zero(p[i] + SIZE - stack_zero_top, stack_zero_top));
			memset(p[i] + PAGE, 0x55, SIZE - PAGE);
		}
		for (int i = 0; i < N; i++)
			cr_assert(stack_put(p[i], SIZE));
		stack_trim();
		cr_expect_eq(stack_trim(), (N - STACK_KEPT) * SIZE);
		for (int i = 0; i < N - STACK_KEPT; i++)
			cr_expect_eq(resident(p[i]), 0, "%d", i);
	}
}

/* What the program has put in the place of a released one stays. */
Test(stack, cold_slab_with_a_hole)
{
	enum { N = 300 };
	static char *p[N];
	char *hole;

	for (int i = 0; i < N; i++)
		p[i] = stack_get(SIZE, PAGE);
	hole = p[3];
	for (int i = 0; i < N; i++)
		cr_assert(stack_put(p[i], SIZE));
	stack_trim();
	cr_assert_not(stack_put(hole + PAGE, PAGE));
	cr_assert_eq(mmap(hole + PAGE, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		     hole + PAGE);
	hole[PAGE] = 7;
	stack_trim();
	cr_expect_eq(hole[PAGE], 7);
	for (int i = 0; i < N; i++)
		cr_expect_neq(stack_get(SIZE, PAGE), hole);
	cr_expect_eq(hole[PAGE], 7);
}

Test(stack, suspended_keeps_what_is_in_use)
{
	char *p = stack_get(SIZE, PAGE), *q = stack_get(SIZE, PAGE), *r;

	p[PAGE] = 1;
	cr_assert(stack_put(q, SIZE));
	stack_suspend(true);
	cr_expect_not(mapped(q, SIZE));
	cr_expect_not(mapped(q + SIZE, SIZE));
	cr_expect_not(stack_contains((uintptr_t)q));
	cr_expect_eq(p[PAGE], 1);
	stack_suspend(false);
	r = stack_get(SIZE, PAGE);
	memset(r + PAGE, 1, SIZE - PAGE);
	cr_expect(stack_put(r, SIZE));
	cr_expect(stack_put(p, SIZE));
	cr_expect_eq(stack_get(SIZE, PAGE), p);
}

Test(stack, suspended_keeps_none)
{
	char *p = stack_get(SIZE, PAGE), *q = stack_get(SIZE, PAGE);

	stack_suspend(true);
	cr_expect_null(stack_get(SIZE, PAGE));
	cr_expect(stack_put(p, SIZE));
	cr_expect_not(mapped(p, SIZE));
	stack_suspend(false);
	cr_expect(stack_put(q, SIZE));
	cr_expect_eq(stack_get(SIZE, PAGE), q);
}

Test(stack, none_when_memory_was_locked)
{
	if (syscall(SYS_mlockall, MCL_FUTURE)) /* a sanitizer would not do it */
		cr_skip_test("memory cannot be locked");
	cr_expect_null(stack_get(SIZE, PAGE));
	munlockall();
}

Test(stack, replaced_ones)
{
	char *p = stack_get(SIZE, 0), *q = stack_get(SIZE, 0);

	memset(p, 1, SIZE);
	stack_replaced((uintptr_t)p, SIZE);
	cr_expect(stack_put(p, SIZE));
	cr_expect(all_zero(p, SIZE));
	cr_expect(stack_put(q, SIZE));
	stack_replaced((uintptr_t)q, PAGE);
	cr_expect_eq(stack_get(SIZE, 0), p);
	cr_expect_neq(stack_get(SIZE, 0), q);
}

/* Neighbours share the page of page-table entries between them. */
Test(stack, big_ones_lie_across_spans)
{
	enum { BIG = 8 << 20, SPAN = 2 << 20 };
	char *p = stack_get(BIG, PAGE);

	cr_assert_not_null(p);
	cr_expect_eq((uintptr_t)p % SPAN, SPAN / 2);
	memset(p + BIG - 2 * PAGE, 1, 2 * PAGE);
	cr_expect_eq(stack_get(BIG, PAGE), p + BIG);
}

Test(stack, none_while_space_is_limited)
{
	struct rlimit l = { (rlim_t)1 << 40, RLIM_INFINITY };

	cr_assert_eq(setrlimit(RLIMIT_AS, &l), 0);
	cr_expect_null(stack_get(SIZE, PAGE));
	l.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_AS, &l), 0);
	cr_expect(stack_get(SIZE, PAGE));
}

enum { ROUNDS = 20000, HELD = 8 };

/* Gets, marks as its own, checks and puts; sizes are shared between the threads. */
static void *churn(void *arg)
{
	uint32_t rand = (uint32_t)(uintptr_t)arg;
	char *p[HELD] = { NULL };
	size_t size[HELD];

	for (int i = 0; i < ROUNDS; i++) {
		int k = i % HELD;

		if (p[k]) {
			size_t top = size[k] - sizeof(i);
			int was = i - HELD;

			if (memcmp(p[k] + top, &was, sizeof(was)) ||
			    p[k][PAGE] != (char)(uintptr_t)arg)
				return "another's stack";
			if (rand % 64 == 0)
				stack_taint((uintptr_t)p[k], size[k]);
			if (!stack_put(p[k], size[k]))
				return "not known";
		}
		rand = rand * 1664525 + 1013904223;
		size[k] = (rand >> 16 & 1 ? 16 : 4) * PAGE;
		p[k] = stack_get(size[k], rand >> 17 & 1 ? PAGE : 0);
		if (!p[k])
			return "none";
		if (!all_zero(p[k] + size[k] - stack_zero_top, stack_zero_top))
			return "not zeroed";
		memcpy(p[k] + size[k] - sizeof(i), &i, sizeof(i));
		p[k][PAGE] = (char)(uintptr_t)arg;
		/* Now and then all are released, and grow cold while the other thread goes on. */
		for (k = 0; i % 2048 == 2047 && k < HELD; k++) {
			if (!stack_put(p[k], size[k]))
				return "not known";
			p[k] = NULL;
		}
		if (i % 1024 == 0 || i % 2048 == 2047)
			stack_trim();
	}
	return NULL;
}

Test(stack, two_threads)
{
	pthread_t t[2];

	for (uintptr_t i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, churn, (void *)(i + 1)), 0);
	for (int i = 0; i < 2; i++) {
		void *wrong;

		cr_assert_eq(pthread_join(t[i], &wrong), 0);
		cr_expect_null(wrong, "%s", (char *)wrong);
	}
}
