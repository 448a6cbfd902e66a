/* SPDX-License-Identifier: MIT */
/*
 * vfork, the symbol: a child that runs on its parent's stack.
 *
 * It returns twice to the same frame. What the parent needs afterwards may therefore not lie on the
 * stack, where the child goes on to write: only the return address does, and is kept in rdi across the
 * call. (libc's own site is left alone for the same reason: a trampoline pushes.) Before and after,
 * the G is told (seam.h): its P is given away, for the kernel holds its M until the child has gone,
 * and while its child runs with its TLS, all calls go to the kernel. Nothing of that concerns a thread
 * that is no G, nor the time before the activation.
 */
#include "sched/arch/x86_64/offsets.h"

	.text
	.globl	vfork
	.globl	__vfork
	.type	vfork, @function
	.type	__vfork, @function
__vfork:
vfork:
	.cfi_startproc
	xorl	%esi, %esi
	movq	self_g@gottpoff(%rip), %rax
	movq	%fs:(%rax), %rdi
	testq	%rdi, %rdi
	jz	1f
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	seam_vfork_before
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	movl	%eax, %esi
1:	popq	%rdi
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, rdi
	movl	$58, %eax
	syscall
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rip, 0
	testl	%esi, %esi
	jnz	3f
2:	testq	%rax, %rax
	js	4f
	ret
	/* One of the two of a G. */
3:	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	testq	%rax, %rax
	jnz	5f
	call	seam_vfork_child
	xorl	%eax, %eax
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_adjust_cfa_offset 8
5:	movq	%rax, %rdi
	call	seam_vfork_after
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	jmp	2b
	/* -errno */
4:	pushq	%rax
	.cfi_adjust_cfa_offset 8
	call	__errno_location@PLT
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	negl	%ecx
	movl	%ecx, (%rax)
	movq	$-1, %rax
	ret
	.cfi_endproc
	.size	vfork, .-vfork
	.size	__vfork, .-__vfork

	.section .note.GNU-stack, "", @progbits
