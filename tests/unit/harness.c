/* SPDX-License-Identifier: MIT */
/* harness - the scheduler running inside a unit test, nothing patched */
#include "harness.h"

#include <linux/sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/futex.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/signal.h"

enum {
	TLS_BELOW = 16 << 10, /* of the static TLS of a test program; checked */
	STACK_SIZE = 64 << 10,
	BLOCK = TLS_BELOW + MEM_PAGE + STACK_SIZE,
};

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

extern char __executable_start[], etext[];

/*
 * What a patched site does (interpose/patch.c): step over the red zone, push the address at which to
 * go on, jump to the entry. rcx and r11 are scratch.
 *
 * harness_seam(rdi: nr, rsi: long args[6])
 * harness_clone(rdi: struct clone_args *, rsi: its size, rdx: fn, rcx: arg): clone3; the child runs
 * fn(arg) on its stack and exits.
 */
__asm__(".text\n"
	".type harness_seam, @function\n"
	"harness_seam:\n"
	"	.cfi_startproc\n"
	"	movq	%rdi, %rax\n"
	"	movq	%rsi, %r11\n"
	"	movq	0(%r11), %rdi\n"
	"	movq	8(%r11), %rsi\n"
	"	movq	16(%r11), %rdx\n"
	"	movq	24(%r11), %r10\n"
	"	movq	32(%r11), %r8\n"
	"	movq	40(%r11), %r9\n"
	"	leaq	-128(%rsp), %rsp\n"
	"	leaq	1f(%rip), %rcx\n"
	"	pushq	%rcx\n"
	"	jmp	arch_seam_entry\n"
	"1:	ret\n"
	"	.cfi_endproc\n"
	"	.size harness_seam, .-harness_seam\n"
	".type harness_clone, @function\n"
	"harness_clone:\n"
	"	.cfi_startproc\n"
	"	movq	%rcx, %r8\n"
	"	movl	$435, %eax\n"
	"	leaq	-128(%rsp), %rsp\n"
	"	leaq	1f(%rip), %rcx\n"
	"	pushq	%rcx\n"
	"	jmp	arch_seam_entry\n"
	"1:	testq	%rax, %rax\n"
	"	jz	2f\n"
	"	ret\n"
	"2:	.cfi_undefined rip\n"
	"	xorl	%ebp, %ebp\n"
	"	movq	%r8, %rdi\n"
	"	call	*%rdx\n"
	"	xorl	%edi, %edi\n"
	"	movl	$60, %eax\n"
	"	leaq	-128(%rsp), %rsp\n"
	"	leaq	3f(%rip), %rcx\n"
	"	pushq	%rcx\n"
	"	jmp	arch_seam_entry\n"
	"3:	hlt\n"
	"	.cfi_endproc\n"
	"	.size harness_clone, .-harness_clone\n");

long harness_seam(long nr, const long a[6]);
long harness_clone(struct clone_args *a, size_t size, void (*fn)(void *), void *arg);

long harness_call(long nr, long a, long b, long c, long d, long e, long f)
{
	long args[6] = { a, b, c, d, e, f };

	return harness_seam(nr, args);
}

_Noreturn void harness_die(const char *file, int line, const char *what)
{
	throw("%s:%d: check failed: %s", file, line, what);
}

/* Everything of this program counts as the library: a signal in it is noted, and looked at on the
 * way out of the next system call. */
void harness_start(uint32_t procs)
{
	struct sched_config c = { .procs = procs, .pid = getpid(), .tls_below = TLS_BELOW };

	if (SANITIZED)
		cr_skip_test("ASan knows nothing of stacks that it did not see made");
	cr_assert_lt((uintptr_t)__builtin_thread_pointer() - (uintptr_t)&self_g, TLS_BELOW);
	arch_text_lo = (uintptr_t)__executable_start;
	arch_text_hi = (uintptr_t)etext;
	sched_exit_wake = futex_thread_ended;
	sched_m_started = sig_start_m;
	cr_assert_eq(sched_init(&c), 0);
	sig_init(self_g, c.pid);
}

/* | zeroed TLS | page of the thread control block | stack | */
void harness_spawn(struct harness_g *h)
{
	struct clone_args a = { 0 };
	uintptr_t tp;
	long tid;

	if (!h->stack) {
		h->stack = mem_pages(BLOCK);
		G_CHECK(h->stack);
	}
	mem_zero(h->stack, TLS_BELOW + MEM_PAGE);
	tp = (uintptr_t)h->stack + TLS_BELOW;
	((uintptr_t *)tp)[0] = tp;
	((uintptr_t *)tp)[2] = tp;
	a.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
		  CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	a.tls = tp;
	a.stack = tp + MEM_PAGE;
	a.stack_size = STACK_SIZE;
	a.parent_tid = (uintptr_t)&h->tid;
	a.child_tid = (uintptr_t)&h->live;
	tid = harness_clone(&a, sizeof a, h->fn, h->arg);
	G_CHECK(tid > 0);
	h->g = gtab_find((int32_t)tid);
}

void harness_join(struct harness_g *h)
{
	uint32_t tid;

	while ((tid = atomic_load(&h->live)))
		g_wait(&h->live, tid, NULL);
}

void harness_until_parked(struct harness_g *h)
{
	while (atomic_load(&h->live) && atomic_load(&h->g->status) != G_WAITING)
		g_yield();
}
