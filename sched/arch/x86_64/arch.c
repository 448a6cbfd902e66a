/* SPDX-License-Identifier: MIT */
/* x86-64: contexts, signal frames, places. The contracts are in arch.h. */
#include "sched/arch/arch.h"

#include <stdatomic.h>
#include <linux/prctl.h>
#include <sys/auxv.h>
#include <sys/ucontext.h>

#include "sched/arch/x86_64/offsets.h"
#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/types.h"

_Static_assert(offsetof(struct g, ctx.sp) == G_SP, "offset");
_Static_assert(offsetof(struct g, ctx.fs) == G_FS, "offset");
_Static_assert(offsetof(struct g, m) == G_M, "offset");
_Static_assert(offsetof(struct g, attn) == G_ATTN, "offset");
_Static_assert(offsetof(struct m, attn) == M_ATTN, "offset");
_Static_assert(offsetof(struct seam, nr) == SEAM_RAX, "offset");
_Static_assert(offsetof(struct seam, resume) == SEAM_RIP, "offset");
_Static_assert(sizeof(struct seam) == SEAM_SIZE, "size");

bool arch_fsgsbase;

void arch_init(void)
{
	arch_fsgsbase = getauxval(AT_HWCAP2) & 2;
}

bool arch_shadow_stack(void)
{
	/* asm/prctl.h of Linux 6.6 */
	const long shstk_status = 0x5005, shstk = 1;
	uint64_t on = 0;

	return raw2(SYS_arch_prctl, shstk_status, &on) == 0 && (on & shstk);
}

/* What arch_switch() pops: see the picture in switch.S. */
struct switch_frame {
	unsigned char xmm[256];
	uint32_t mxcsr;
	uint16_t x87cw, x87flags;
	uint64_t r15, r14, r13, r12, rbx, rbp;
	uintptr_t ret;
};
_Static_assert(offsetof(struct switch_frame, ret) == 312, "offset");

extern void arch_child_tail(void);
extern void arch_seam_return(void);
extern void arch_seam_leave(void);
extern void arch_away_check(void), arch_away_go(void);

static void frame_init(struct switch_frame *f, void (*ret)(void))
{
	mem_zero(f, sizeof *f);
	__asm__ volatile("stmxcsr %0" : "=m"(f->mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(f->x87cw));
	f->ret = (uintptr_t)ret;
}

void arch_prepare_child(struct g *g, const struct seam *frame, uintptr_t stack_top, uintptr_t tls)
{
	struct seam *s = (struct seam *)(stack_top - RED_ZONE - sizeof *s);
	struct switch_frame *f = (struct switch_frame *)s - 1;

	*s = *frame;
	s->nr = 0;
	frame_init(f, arch_child_tail);
	g->ctx.sp = f;
	g->ctx.fs = tls;
}

/* arch_switch() returns into this with rbx = fn, r12 = m. */
extern void arch_g0_start(void);
__asm__(".text\n.hidden arch_g0_start\n.globl arch_g0_start\n.type arch_g0_start,@function\n"
	"arch_g0_start:\n\t.cfi_startproc\n\t.cfi_undefined rip\n"
	"\tmovq %r12, %rdi\n\tcall *%rbx\n\thlt\n\t.cfi_endproc\n"
	".size arch_g0_start,.-arch_g0_start\n");

void arch_prepare_g0(struct m *m, void (*fn)(struct m *), char *lo, size_t size)
{
	uintptr_t top = ((uintptr_t)lo + size) & ~(uintptr_t)15;
	struct switch_frame *f = (struct switch_frame *)(top - sizeof *f);

	frame_init(f, arch_g0_start);
	f->rbx = (uintptr_t)fn;
	f->r12 = (uintptr_t)m;
	m->g0.ctx.sp = f;
}

extern long arch_clone_shared(struct seam *frame, struct seam *copy, void (*fn)(void *), void *arg);

long arch_clone_child(struct seam *frame, uintptr_t child_top, void (*fn)(void *), void *arg)
{
	struct seam *s = (struct seam *)(child_top - RED_ZONE - sizeof *s);

	*s = *frame;
	return arch_clone_shared(frame, s, fn, arg);
}

extern _Noreturn void arch_go_on(struct seam *frame);

void arch_move(const struct seam *frame, uintptr_t top)
{
	struct seam *s = (struct seam *)(top - RED_ZONE - sizeof *s);

	*s = *frame;
	s->nr = 0;
	arch_go_on(s);
}

/* ---- where a signal found us ------------------------------------------------------------- */

extern const char arch_intr_begin[], arch_intr_end[], arch_intr_cut[];
extern const char arch_user_begin[], arch_user_end[], arch_user_fault[];
extern const char arch_deliver_point[];

uintptr_t arch_text_lo, arch_text_hi;
uintptr_t arch_app_lo, arch_app_hi;
bool (*arch_foreign_place)(uintptr_t pc);

uintptr_t arch_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}

void arch_set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

uintptr_t arch_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
}

enum arch_place arch_place(ucontext_t *uc)
{
	uintptr_t pc = arch_pc(uc);

	if (pc == (uintptr_t)arch_deliver_point)
		return ARCH_DELIVER;
	if (pc == (uintptr_t)arch_seam_leave || pc == (uintptr_t)arch_away_go)
		return ARCH_APP;
	if (pc >= arch_app_lo && pc < arch_app_hi)
		return ARCH_APP;
	if (pc >= arch_text_lo && pc < arch_text_hi)
		return ARCH_OURS;
	if (arch_foreign_place && arch_foreign_place(pc))
		return ARCH_OURS;
	return ARCH_APP;
}

void arch_cut(ucontext_t *uc)
{
	uintptr_t pc = arch_pc(uc);

	if (pc >= (uintptr_t)arch_intr_begin && pc < (uintptr_t)arch_intr_end)
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)arch_intr_cut;
	else if (pc >= (uintptr_t)arch_seam_return && pc < (uintptr_t)arch_seam_leave)
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)arch_seam_return;
	else if (pc >= (uintptr_t)arch_away_check && pc < (uintptr_t)arch_away_go)
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)arch_away_check;
}

bool arch_fix_fault(ucontext_t *uc)
{
	uintptr_t pc = arch_pc(uc);

	if (pc < (uintptr_t)arch_user_begin || pc >= (uintptr_t)arch_user_end)
		return false;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)arch_user_fault;
	return true;
}

bool arch_fix_cycles(ucontext_t *uc)
{
	static const uint8_t rdtsc[] = {0x0f, 0x31}, rdtscp[] = {0x0f, 0x01, 0xf9};
	const uint8_t *at = (const uint8_t *)arch_pc(uc);
	greg_t *r = uc->uc_mcontext.gregs;
	uint32_t lo, hi, cpu = 0;
	size_t size;

	if (at[0] != rdtsc[0])
		return false;
	if (at[1] == rdtsc[1])
		size = sizeof rdtsc;
	else if (at[1] == rdtscp[1] && at[2] == rdtscp[2])
		size = sizeof rdtscp;
	else
		return false;
	if (raw2(SYS_prctl, PR_SET_TSC, PR_TSC_ENABLE) != 0)
		return false;
	if (size == sizeof rdtsc) {
		__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	} else {
		__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(cpu));
		r[REG_RCX] = cpu;
	}
	raw2(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV);
	r[REG_RAX] = lo;
	r[REG_RDX] = hi;
	r[REG_RIP] += (greg_t)size;
	return true;
}

/* ---- for reports ------------------------------------------------------------------------- */

uintptr_t arch_seam_sp(const struct seam *s)
{
	return (uintptr_t)s + SEAM_SIZE + RED_ZONE;
}

/* e8 rel32, or ff /2: a register, or a memory operand with its SIB byte and displacement. */
bool arch_ends_with_call(const unsigned char before[ARCH_CALL_MAX])
{
	const unsigned char *end = before + ARCH_CALL_MAX;

	if (end[-5] == 0xe8)
		return true;
	for (int len = 2; len <= 7; len++)
		if (end[-len] == 0xff && (end[1 - len] & 0x38) == 0x10)
			return true;
	return false;
}

/* ---- injecting a call -------------------------------------------------------------------- */

/* The kernel's struct rt_sigframe (arch/x86/include/asm/sigframe.h), whose ucontext is shorter
 * than glibc's. */
struct kernel_ucontext {
	unsigned long flags;
	void *link;
	stack_t stack;
	struct sigcontext mc;
	uint64_t mask;
};

struct inject_frame {
	uintptr_t ret;
	struct kernel_ucontext uc;
	siginfo_t info;
};

extern void arch_injected_return(void);
extern void arch_injected_preempt(void);

/* The last 48 of the 512 bytes of an FXSAVE area are the kernel's: is there XSAVE state behind? */
static const struct _fpx_sw_bytes *fpstate_extended(const void *fp)
{
	const struct _fpx_sw_bytes *sw = (const void *)((const char *)fp + 464);

	return sw->magic1 == FP_XSTATE_MAGIC1 ? sw : NULL;
}

static size_t fpstate_size(const ucontext_t *uc)
{
	const void *fp = uc->uc_mcontext.fpregs;
	const struct _fpx_sw_bytes *sw;

	if (!fp)
		return 0;
	sw = fpstate_extended(fp);
	return sw ? sw->extended_size : sizeof(struct _fpstate);
}

size_t arch_inject_size(const ucontext_t *uc)
{
	return RED_ZONE + fpstate_size(uc) + 64 + sizeof(struct inject_frame) + 16;
}

/* Handlers start with the initial floating point state, as the kernel starts them. */
static void fpstate_reset(struct _fpstate *fp)
{
	if (fpstate_extended(fp)) {
		struct _xstate *x = (struct _xstate *)fp;

		x->xstate_hdr.xstate_bv = 0;
	} else {
		mem_zero(fp, 512);
		fp->cwd = 0x37f;
	}
	fp->mxcsr = 0x1f80;
}

uintptr_t arch_inject(ucontext_t *uc, int sig, const siginfo_t *info, void (*handler)(void),
		      uintptr_t top, uint64_t mask, const struct g_altstack *alt)
{
	greg_t *r = uc->uc_mcontext.gregs;
	size_t fpsize = fpstate_size(uc);
	uintptr_t sp = top ? top : (uintptr_t)r[REG_RSP] - RED_ZONE;
	uintptr_t fp = (sp - fpsize) & ~(uintptr_t)63;
	struct inject_frame *f;

	f = (struct inject_frame *)(((fp - sizeof *f) & ~(uintptr_t)15) - 8);
	if (fpsize)
		mem_copy((void *)fp, uc->uc_mcontext.fpregs, fpsize);
	mem_copy(&f->uc, uc, sizeof f->uc);
	f->uc.mask = mask;
	f->uc.stack.ss_sp = (void *)alt->sp;
	f->uc.stack.ss_size = alt->size;
	f->uc.stack.ss_flags = alt->flags;
	f->uc.mc.fpstate = (void *)(fpsize ? fp : 0);
	if (info)
		f->info = *info;
	f->ret = (uintptr_t)arch_injected_return;

	r[REG_RIP] = (greg_t)handler;
	r[REG_RDI] = sig;
	r[REG_RSI] = (greg_t)&f->info;
	r[REG_RDX] = (greg_t)&f->uc;
	r[REG_RAX] = 0;
	r[REG_RSP] = (greg_t)f;
	if (!handler) {
		r[REG_RIP] = (greg_t)arch_injected_preempt;
		r[REG_RSP] = (greg_t)&f->uc;
	}
	r[REG_EFL] &= ~(greg_t)(0x400 | 0x100 | 0x10000); /* DF, TF, RF */
	if (fpsize)
		fpstate_reset((struct _fpstate *)uc->uc_mcontext.fpregs);
	return (uintptr_t)f;
}
