/* SPDX-License-Identifier: MIT */
/*
 * arch_call_away(fn, arg): calls FN(ARG[0] … ARG[3]), the program's code, after a last look at the notes.
 *
 * As on the way out of the seam (entry.S): a signal that finds the pc in [arch_away_check,
 * arch_away_go) is noted and the pc moved back to arch_away_check, which sees the note. At arch_away_go the
 * thread is the program's. The personality is told when the frame is unwound.
 */
#include "sched/arch/x86_64/offsets.h"

	.text
	.globl	arch_call_away
	.hidden	arch_call_away
	.hidden	away_personality
	.type	arch_call_away, @function
arch_call_away:
	.cfi_startproc
	.cfi_personality 0x1b, away_personality
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	%rdi, %rbx
	movq	%rsi, %r12

	.globl	arch_away_check
	.hidden	arch_away_check
arch_away_check:
	movq	self_g@gottpoff(%rip), %rax
	movq	%fs:(%rax), %rax
	cmpl	$0, G_ATTN(%rax)
	jne	1f
	movq	G_M(%rax), %rax
	cmpl	$0, M_ATTN(%rax)
	jne	1f
	movq	(%r12), %rdi
	movq	8(%r12), %rsi
	movq	16(%r12), %rdx
	movq	24(%r12), %rcx
	.globl	arch_away_go
	.hidden	arch_away_go
arch_away_go:
	call	*%rbx
	addq	$8, %rsp
	.cfi_remember_state
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	ret
	.cfi_restore_state
1:	xorl	%edi, %edi
	call	sched_attend
	jmp	arch_away_check
	.cfi_endproc
	.size	arch_call_away, .-arch_call_away

	.section .note.GNU-stack, "", @progbits
