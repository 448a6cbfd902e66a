/* SPDX-License-Identifier: MIT */
/*
 * What an architecture provides. One folder per architecture implements this file; nothing else
 * in the tree knows a register.
 *
 * struct seam is the frame that a patched `syscall` instruction leaves on the stack: the
 * argument registers, the number (on the way back: the result) and the address in the patched
 * library at which to go on.
 */
#ifndef GOTHREADS_ARCH_H
#define GOTHREADS_ARCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

struct g;
struct m;

struct seam {
	long arg[6];
	long nr; /* becomes the result */
	uintptr_t resume;
};

/* True once arch_init() has found that user code may write the FS base. */
extern bool arch_fsgsbase;
void arch_init(void);

/* Does the calling thread have a shadow stack? A switch cannot take it along. */
bool arch_shadow_stack(void);

/* Leave FROM, a G or g0 on this M, and continue TO.
 * Pre: TO's context is saved and nobody else is running it. Post (in TO): FROM's context is
 * saved; vector registers, MXCSR and the x87 control word are TO's. */
void arch_switch(struct g *from, struct g *to);

/* Lay out a fresh G so that the first switch to it continues the seam frame FRAME (a parent's)
 * with result 0 on the stack whose top is STACK_TOP. */
void arch_prepare_child(struct g *g, const struct seam *frame, uintptr_t stack_top, uintptr_t tls);

/* Lay out M's g0 so that the first switch to it runs fn(m) on [lo, lo + size). */
void arch_prepare_g0(struct m *m, void (*fn)(struct m *), char *lo, size_t size);

/* A kernel thread that runs fn(arg) on the stack ending at TOP, FS base TLS; *tid gets its
 * kernel tid before either side goes on. Returns the tid or -errno. */
long arch_clone_m(unsigned long flags, void *top, void (*fn)(void *), void *arg, void *tls,
		  int32_t *tid);

/* The raw clone or clone3 of FRAME, whose child has a stack of its own, ending at CHILD_TOP: there it
 * calls FN(ARG), if FN is not NULL, and then continues FRAME with result 0, without passing through
 * the scheduler. Returns in the parent only. */
long arch_clone_child(struct seam *frame, uintptr_t child_top, void (*fn)(void *), void *arg);

/* Leave this stack for good: FRAME goes on with result 0 on the stack ending at TOP, as
 * arch_clone_child's child does, but through the scheduler's way out.
 * Pre: out of the scheduler (sched_leave). */
_Noreturn void arch_move(const struct seam *frame, uintptr_t top);

/* A raw system call that a signal cuts short: -EINTR if *attn is not 0 just before, or if a
 * signal arrives before the call has completed, its restart by the kernel included. */
long arch_syscall_intr(long nr, const long arg[6], const _Atomic uint32_t *attn);

/* Copy between the program's memory and ours; 0 or -EFAULT. */
long arch_copy_user(void *dst, const void *src, size_t n);

/* Where a signal found this thread (async-signal-safe). */
enum arch_place {
	ARCH_APP,  /* the program's code, or the patched library's: any signal may be taken */
	ARCH_OURS, /* in this library or a trampoline: only note the signal */
	ARCH_DELIVER, /* at arch_deliver(): take the signal that the M has chosen */
};
enum arch_place arch_place(ucontext_t *uc);
/* Set by the shim before any signal: this library's text, and whatever else counts as ours
 * (trampolines, ld.so, the vDSO). */
extern uintptr_t arch_text_lo, arch_text_hi;
/* Within that text, the symbols that stand for libc's: program code like what they call. */
extern uintptr_t arch_app_lo, arch_app_hi;
extern bool (*arch_foreign_place)(uintptr_t pc);
/* Having noted a signal at ARCH_OURS: move the pc to where the note will be seen. */
void arch_cut(ucontext_t *uc);
/* A fault at the pc: in arch_copy_user()? Then make it return -EFAULT. */
bool arch_fix_fault(ucontext_t *uc);
/* A general protection fault at the pc, which is this library's: does it read the counter of cycles, which the program
 * has forbidden the thread (PR_SET_TSC)? Then it is allowed this once. */
bool arch_fix_cycles(ucontext_t *uc);
uintptr_t arch_pc(const ucontext_t *uc);
void arch_set_pc(ucontext_t *uc, uintptr_t pc);
uintptr_t arch_sp(const ucontext_t *uc);

/* Make the thread interrupted at UC (on an M's signal stack) run HANDLER(sig, info, uc) on the
 * program's stack at TOP (0: below the interrupted stack pointer), from a copy of UC whose mask
 * is MASK and whose uc_stack is ALT. When HANDLER returns, sig_return() is called with the copy
 * and then the copy resumed. HANDLER NULL: sched_preempted() is run instead. Returns the lowest address used. */
struct g_altstack;
uintptr_t arch_inject(ucontext_t *uc, int sig, const siginfo_t *info, void (*handler)(void),
		      uintptr_t top, uint64_t mask, const struct g_altstack *alt);
/* Bytes that arch_inject() needs below the stack pointer. */
size_t arch_inject_size(const ucontext_t *uc);

/* FN(ARG[0] … ARG[3]) as the program's code, every note attended to before (away.h).
 * Pre: G, out of the scheduler. */
void arch_call_away(void (*fn)(void), const long arg[4]);

/* tgkill(pid, tid, sig) to this thread: its handler finds ARCH_DELIVER. 0 or -errno. */
long arch_deliver(int pid, int tid, int sig);

/* For reports: the stack pointer of the patched function whose seam frame is S (which need not be
 * readable); does BEFORE, what precedes an address, end with a call instruction? */
uintptr_t arch_seam_sp(const struct seam *s);
enum { ARCH_CALL_MAX = 8 };
bool arch_ends_with_call(const unsigned char before[ARCH_CALL_MAX]);

/* The kernel's signal return trampoline for our own handlers. */
void arch_restorer(void);

/* The entry that trampolines jump to; and the way back from a seam frame. */
void arch_seam_entry(void);

static inline uintptr_t arch_get_fs(void)
{
	uintptr_t v;

	__asm__ volatile("movq %%fs:16, %0" : "=r"(v)); /* tcbhead_t.self */
	return v;
}

/* A clock that costs nothing to read: it goes up, at some 10^8 … 10^10 a second. */
static inline uint64_t arch_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

static inline void arch_compiler_barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

/* A full barrier, for who has done an atomic read-modify-write in between, of whatever order: here each
 * of them is a full barrier by itself. */
static inline void arch_fence_after_rmw(void)
{
	arch_compiler_barrier();
}

#endif
