/* SPDX-License-Identifier: MIT */
/*
 * Switching between Gs. See arch.h for the contracts.
 *
 * A G that switches away has, from its ctx.sp upwards:
 *
 *      ctx.sp ->  0  xmm0 … xmm15          256 bytes
 *               256  mxcsr, x87 control, x87 exception flags
 *               264  r15 r14 r13 r12 rbx rbp
 *               312  return address
 *
 * The vector registers are kept although the C calling convention does not ask for it: a G gets
 * here from inside a system call instruction, and the kernel preserves them all.
 */
#include "sched/arch/x86_64/offsets.h"

	.text
	.globl	arch_switch
	.hidden	arch_switch
	.type	arch_switch, @function
	/* rdi: struct g *from; rsi: struct g *to */
arch_switch:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	subq	$264, %rsp
	.cfi_adjust_cfa_offset 264
	movups	%xmm0, 0(%rsp)
	movups	%xmm1, 16(%rsp)
	movups	%xmm2, 32(%rsp)
	movups	%xmm3, 48(%rsp)
	movups	%xmm4, 64(%rsp)
	movups	%xmm5, 80(%rsp)
	movups	%xmm6, 96(%rsp)
	movups	%xmm7, 112(%rsp)
	movups	%xmm8, 128(%rsp)
	movups	%xmm9, 144(%rsp)
	movups	%xmm10, 160(%rsp)
	movups	%xmm11, 176(%rsp)
	movups	%xmm12, 192(%rsp)
	movups	%xmm13, 208(%rsp)
	movups	%xmm14, 224(%rsp)
	movups	%xmm15, 240(%rsp)
	stmxcsr	256(%rsp)
	fnstcw	260(%rsp)
	fnstsw	%ax
	andl	$0x3f, %eax
	movw	%ax, 262(%rsp)
	jnz	6f
7:	movl	256(%rsp), %ecx
	movzwl	260(%rsp), %edx
	movq	%rsp, G_SP(%rdi)

	movq	G_SP(%rsi), %rsp
	movq	G_FS(%rsi), %rdi
	cmpb	$0, arch_fsgsbase(%rip)
	je	3f
	wrfsbase %rdi
	/* Loading a control word costs more than comparing it. */
1:	cmpl	256(%rsp), %ecx
	je	2f
	ldmxcsr	256(%rsp)
2:	cmpw	260(%rsp), %dx
	jne	4f
5:	cmpw	$0, 262(%rsp)
	jne	8f
9:	movups	0(%rsp), %xmm0
	movups	16(%rsp), %xmm1
	movups	32(%rsp), %xmm2
	movups	48(%rsp), %xmm3
	movups	64(%rsp), %xmm4
	movups	80(%rsp), %xmm5
	movups	96(%rsp), %xmm6
	movups	112(%rsp), %xmm7
	movups	128(%rsp), %xmm8
	movups	144(%rsp), %xmm9
	movups	160(%rsp), %xmm10
	movups	176(%rsp), %xmm11
	movups	192(%rsp), %xmm12
	movups	208(%rsp), %xmm13
	movups	224(%rsp), %xmm14
	movups	240(%rsp), %xmm15
	addq	$264, %rsp
	.cfi_adjust_cfa_offset -264
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	ret
	.cfi_adjust_cfa_offset 312
4:	fldcw	260(%rsp)
	jmp	5b
	/* x87 exception flags are sticky and a thread's own: out, and in again. */
6:	fnclex
	jmp	7b
8:	subq	$32, %rsp
	fnstenv	(%rsp)
	movw	294(%rsp), %ax
	orw	%ax, 4(%rsp)
	fldenv	(%rsp)
	addq	$32, %rsp
	jmp	9b
	/* No FSGSBASE instructions: arch_prctl(ARCH_SET_FS). rdi holds the base. */
3:	movl	%ecx, %r12d
	movl	%edx, %r13d
	movq	%rdi, %rsi
	movl	$0x1002, %edi
	movl	$158, %eax
	syscall
	movl	%r12d, %ecx
	movl	%r13d, %edx
	jmp	1b
	.cfi_endproc
	.size	arch_switch, .-arch_switch

	/* The first instructions of a G made by clone: its stack holds, from ctx.sp upwards, a
	 * switch frame that returns here and then the parent's seam frame (entry.S). Settle the
	 * switch, then go on as the parent did, with rax = 0. */
	.globl	arch_child_tail
	.hidden	arch_child_tail
	.type	arch_child_tail, @function
arch_child_tail:
	.cfi_startproc
	.cfi_undefined rip
	movq	%rsp, %rbx
	andq	$-16, %rsp
	call	sched_child_started
	movq	%rbx, %rsp
	xorl	%ebp, %ebp
	xorl	%ebx, %ebx
	jmp	arch_seam_return
	.cfi_endproc
	.size	arch_child_tail, .-arch_child_tail

	/* long arch_clone_m(flags, stack_top, fn, arg, tls, ctid): a kernel thread that runs
	 * fn(arg) on its own stack and never returns. */
	.globl	arch_clone_m
	.hidden	arch_clone_m
	.type	arch_clone_m, @function
	/* rdi: flags; rsi: stack top; rdx: fn; rcx: arg; r8: tls; r9: int *tid */
arch_clone_m:
	.cfi_startproc
	andq	$-16, %rsi
	movq	%rdx, -8(%rsi)
	movq	%rcx, -16(%rsi)
	subq	$16, %rsi
	movq	%r9, %rdx	/* parent_tid */
	movq	%r9, %r10	/* child_tid (CLONE_CHILD_SETTID) */
	movl	$56, %eax
	syscall
	testq	%rax, %rax
	jz	1f
	ret
1:	.cfi_undefined rip
	xorl	%ebp, %ebp
	popq	%rdi
	popq	%rax
	call	*%rax
	hlt
	.cfi_endproc
	.size	arch_clone_m, .-arch_clone_m

	/* long arch_clone_shared(struct seam *regs, struct seam *copy, fn, arg): the raw clone or clone3
	 * in regs, whose child has a stack with a copy of the seam frame at its top: it calls fn(arg)
	 * there and goes on to the program; the parent returns here. */
	.globl	arch_clone_shared
	.hidden	arch_clone_shared
	.type	arch_clone_shared, @function
	/* rdi: struct seam *; rsi: copy of it on the child's stack; rdx: fn or NULL; rcx: arg */
arch_clone_shared:
	.cfi_startproc
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	movq	%rsi, %rbx
	movq	%rdx, %r12
	movq	%rcx, %r13
	movq	%rdi, %rax
	movq	SEAM_RDI(%rax), %rdi
	movq	SEAM_RSI(%rax), %rsi
	movq	SEAM_RDX(%rax), %rdx
	movq	SEAM_R10(%rax), %r10
	movq	SEAM_R8(%rax), %r8
	movq	SEAM_R9(%rax), %r9
	movq	SEAM_RAX(%rax), %rax
	syscall
	testq	%rax, %rax
	jz	1f
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	ret
	.cfi_undefined rip
1:	movq	%rbx, %rsp
	testq	%r12, %r12
	jz	2f
	movq	%r13, %rdi
	andq	$-16, %rsp
	call	*%r12
2:	movq	%rbx, %rsp
	movq	$0, SEAM_RAX(%rsp)
	xorl	%ebp, %ebp
	xorl	%ebx, %ebx
	jmp	arch_seam_return_plain
	.cfi_endproc
	.size	arch_clone_shared, .-arch_clone_shared

	/* arch_go_on(struct seam *frame): the way out, from FRAME and its stack. */
	.globl	arch_go_on
	.hidden	arch_go_on
	.type	arch_go_on, @function
arch_go_on:
	.cfi_startproc
	.cfi_undefined rip
	movq	%rdi, %rsp
	xorl	%ebp, %ebp
	xorl	%ebx, %ebx
	jmp	arch_seam_return
	.cfi_endproc
	.size	arch_go_on, .-arch_go_on

	/* long arch_syscall_intr(nr, args[6], m): a raw system call that a signal cuts short.
	 * Between arch_intr_begin and arch_intr_end our handler moves the pc to arch_intr_cut. */
	.globl	arch_syscall_intr
	.hidden	arch_syscall_intr
	.globl	arch_intr_begin
	.hidden	arch_intr_begin
	.globl	arch_intr_end
	.hidden	arch_intr_end
	.globl	arch_intr_cut
	.hidden	arch_intr_cut
	.type	arch_syscall_intr, @function
	/* rdi: nr; rsi: long args[6]; rdx: &m->attn */
arch_syscall_intr:
	.cfi_startproc
	movq	%rdi, %rax
	movq	%rsi, %r11
	movq	%rdx, %rcx
	movq	0(%r11), %rdi
	movq	8(%r11), %rsi
	movq	16(%r11), %rdx
	movq	24(%r11), %r10
	movq	32(%r11), %r8
	movq	40(%r11), %r9
arch_intr_begin:
	cmpl	$0, (%rcx)
	jne	arch_intr_cut
	syscall
arch_intr_end:
	ret
arch_intr_cut:
	movq	$-4, %rax	/* -EINTR */
	ret
	.cfi_endproc
	.size	arch_syscall_intr, .-arch_syscall_intr

	.globl	arch_user_begin
	.hidden	arch_user_begin
	.globl	arch_user_end
	.hidden	arch_user_end
	.globl	arch_user_fault
	.hidden	arch_user_fault
	/* long arch_copy_user(void *dst, const void *src, size_t n): 0, or -EFAULT where the
	 * program's memory is not there. Most copies are of words, and rep movsb takes its time to
	 * start. */
	.globl	arch_copy_user
	.hidden	arch_copy_user
	.type	arch_copy_user, @function
arch_copy_user:
	.cfi_startproc
	cmpq	$8, %rdx
	jne	1f
arch_user_begin:
	movq	(%rsi), %rcx
	movq	%rcx, (%rdi)
	xorl	%eax, %eax
	ret
1:	cmpq	$4, %rdx
	jne	2f
	movl	(%rsi), %ecx
	movl	%ecx, (%rdi)
	xorl	%eax, %eax
	ret
2:	movq	%rdx, %rcx
	rep movsb
arch_user_end:
	xorl	%eax, %eax
	ret
arch_user_fault:
	movq	$-14, %rax	/* -EFAULT */
	ret
	.cfi_endproc
	.size	arch_copy_user, .-arch_copy_user

	.section .note.GNU-stack, "", @progbits
