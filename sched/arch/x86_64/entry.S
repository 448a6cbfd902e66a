/* SPDX-License-Identifier: MIT */
/*
 * The seam: from a patched `syscall` instruction into the library and back.
 *
 * A trampoline has stepped over the red zone and pushed the address at which the patched function
 * goes on, so on entry
 *
 *      rsp ->   0  resume address
 *               8  red zone, 128 bytes
 *             136  the patched function's stack pointer (the CFA)
 *
 * and the CFI below says that whoever stands at the resume address called us: unwinders, gdb and
 * glibc's forced unwinding walk through. rcx and r11 are dead across a system call; all else is
 * kept, vector registers because the C code here is compiled not to touch them.
 *
 * The way back is restartable. A signal handler that finds the pc in [arch_seam_return,
 * arch_seam_leave) notes the signal and moves the pc back to arch_seam_return, whose check then
 * sees the note; nothing before arch_seam_leave changes memory or rsp. At arch_seam_leave the
 * thread is the program's again.
 */
#include "sched/arch/x86_64/offsets.h"

	.text
	.globl	arch_seam_entry
	.hidden	arch_seam_entry
	.type	arch_seam_entry, @function
arch_seam_entry:
	.cfi_startproc
	.cfi_def_cfa rsp, 8+RED_ZONE
	.cfi_offset rip, -(8+RED_ZONE)
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	movq	%rsp, %rdi
	cld
	.cfi_remember_state
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	andq	$-16, %rsp
	call	seam_dispatch
	movq	%rbp, %rsp
	.cfi_def_cfa_register rsp
	popq	%rbp
	.cfi_restore_state
	movq	%rax, SEAM_RAX(%rsp)

	.globl	arch_seam_return
	.hidden	arch_seam_return
arch_seam_return:
	movq	self_g@gottpoff(%rip), %rcx
	movq	%fs:(%rcx), %rcx
	testq	%rcx, %rcx
	jz	1f
	cmpl	$0, G_ATTN(%rcx)
	jne	2f
	movq	G_M(%rcx), %rcx
	cmpl	$0, M_ATTN(%rcx)
	jne	2f
	.globl	arch_seam_return_plain
	.hidden	arch_seam_return_plain
arch_seam_return_plain:
1:	movq	SEAM_RDI(%rsp), %rdi
	movq	SEAM_RSI(%rsp), %rsi
	movq	SEAM_RDX(%rsp), %rdx
	movq	SEAM_R10(%rsp), %r10
	movq	SEAM_R8(%rsp), %r8
	movq	SEAM_R9(%rsp), %r9
	movq	SEAM_RAX(%rsp), %rax
	movq	SEAM_RIP(%rsp), %rcx
	leaq	SEAM_SIZE+RED_ZONE(%rsp), %rsp
	.cfi_remember_state
	.cfi_def_cfa rsp, 0
	.cfi_register rip, rcx
	.globl	arch_seam_leave
	.hidden	arch_seam_leave
arch_seam_leave:
	jmp	*%rcx
	.cfi_restore_state
	/* Something wants attention. */
2:	movq	%rsp, %rdi
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	andq	$-16, %rsp
	call	sched_attend
	movq	%rbp, %rsp
	.cfi_def_cfa_register rsp
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	testl	%eax, %eax
	jz	1b
	jmp	arch_seam_return
	.cfi_endproc
	.size	arch_seam_entry, .-arch_seam_entry

	/* arch_deliver(pid, tid, sig): the signal arrives at arch_deliver_point. */
	.globl	arch_deliver
	.hidden	arch_deliver
	.globl	arch_deliver_point
	.hidden	arch_deliver_point
	.type	arch_deliver, @function
arch_deliver:
	.cfi_startproc
	movslq	%edi, %rdi
	movslq	%esi, %rsi
	movslq	%edx, %rdx
	movl	$234, %eax
	syscall
arch_deliver_point:
	ret
	.cfi_endproc
	.size	arch_deliver, .-arch_deliver

	/* What the kernel returns through from our own handlers. */
	.globl	arch_restorer
	.hidden	arch_restorer
	.type	arch_restorer, @function
	nop
arch_restorer:
	movq	$15, %rax
	syscall
	.size	arch_restorer, .-arch_restorer

/*
 * What an injected handler returns to: rsp points to its ucontext. The CFI describes the
 * interrupted registers, saved in that ucontext ('S': the pc is not a return address). It begins
 * one byte early because some unwinders look up pc - 1.
 */
#define UC_REG(n) (40 + 8 * (n))
#define CFA_AT(off)  .cfi_escape 0x0f, 0x04, 0x77, ((off) & 0x7f) | 0x80, ((off) >> 7) & 0x7f, 0x06
#define REG_AT(r, off) .cfi_escape 0x10, r, 0x03, 0x77, ((off) & 0x7f) | 0x80, ((off) >> 7) & 0x7f

	.globl	arch_injected_return
	.hidden	arch_injected_return
	.type	arch_injected_return, @function
	.cfi_startproc
	.cfi_signal_frame
	CFA_AT(UC_REG(15))
	REG_AT(8, UC_REG(0))
	REG_AT(9, UC_REG(1))
	REG_AT(10, UC_REG(2))
	REG_AT(11, UC_REG(3))
	REG_AT(12, UC_REG(4))
	REG_AT(13, UC_REG(5))
	REG_AT(14, UC_REG(6))
	REG_AT(15, UC_REG(7))
	REG_AT(5, UC_REG(8))
	REG_AT(4, UC_REG(9))
	REG_AT(6, UC_REG(10))
	REG_AT(3, UC_REG(11))
	REG_AT(1, UC_REG(12))
	REG_AT(0, UC_REG(13))
	REG_AT(2, UC_REG(14))
	REG_AT(7, UC_REG(15))
	REG_AT(16, UC_REG(16))
	nop
arch_injected_return:
	movq	%rsp, %rbx
	movq	%rsp, %rdi
	andq	$-16, %rsp
	cld
	call	sig_return
	movq	%rbx, %rsp
	movq	$15, %rax
	syscall
	hlt
	.size	arch_injected_return, .-arch_injected_return

	/* A preempted G: rsp points to its ucontext. */
	.globl	arch_injected_preempt
	.hidden	arch_injected_preempt
arch_injected_preempt:
	movq	%rsp, %rbx
	movq	%rsp, %rdi
	andq	$-16, %rsp
	cld
	call	sched_preempted
	movq	%rbx, %rsp
	movq	$15, %rax
	syscall
	hlt
	.cfi_endproc
	.size	arch_injected_preempt, .-arch_injected_preempt

	.section .note.GNU-stack, "", @progbits
