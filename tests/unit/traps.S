/* SPDX-License-Identifier: MIT */
/*
 * traps: functions with system calls in hard places, for the finder and the patcher of sites
 *
 * Each lies between NAME and NAME_end, so that a test can look at it as if it were all there is;
 * what jumps into it from elsewhere lies there too. NAME_sys is its syscall instruction. Those that
 * can be run take a number of a system call, which not all of them use.
 */
#include <sys/syscall.h>

	.text

/* A function, with an FDE of its own. */
.macro	trap name
	.balign	16
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.cfi_startproc
.endm

.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.globl	\name\()_end
	.hidden	\name\()_end
\name\()_end:
	.balign	16, 0xcc
.endm

.macro	sys name
	.globl	\name\()_sys
	.hidden	\name\()_sys
\name\()_sys:
	syscall
.endm

/* ---- Where nothing is in the way ---- */

	trap	trap_plain
	mov	$SYS_getppid, %eax
	sys	trap_plain
	ret
	end	trap_plain

/* eax is loaded earlier, and its low half is not touched since. */
	trap	trap_before
	mov	$SYS_getppid, %eax
	mov	%rdi, %rsi
	xor	%edi, %edi
	mov	$1, %edx
	sys	trap_before
	ret
	end	trap_before

/* The five bytes before the syscall look like mov $39,%eax and are the end of mov $39,%r8d. */
	trap	trap_other_mov
	mov	%edi, %eax
	mov	$SYS_getpid, %r8d
	sys	trap_other_mov
	ret
	end	trap_other_mov

/* ... and of movl $39,-0x48(%rsp). */
	trap	trap_store
	mov	%edi, %eax
	movl	$SYS_getpid, -0x48(%rsp)
	sys	trap_store
	movl	-0x48(%rsp), %edx
	lea	(%rax,%rdx), %rax
	ret
	end	trap_store

/* eax is loaded, but part of it is written again. */
	trap	trap_rewritten
	mov	$SYS_getpid, %eax
	mov	%dil, %al
	mov	%rdi, %rsi
	sys	trap_rewritten
	ret
	end	trap_rewritten

/* The window has an operand relative to rip: its value must be that of the original place. */
	trap	trap_rip
	mov	%edi, %eax
	lea	trap_word(%rip), %rdi
	sys	trap_rip
	mov	%rdi, %rax
	ret
	end	trap_rip

/* ... with an immediate behind its displacement. */
	trap	trap_rip_imm
	mov	%edi, %eax
	movl	$0x12345678, trap_scratch(%rip)
	sys	trap_rip_imm
	mov	trap_scratch(%rip), %eax
	ret
	end	trap_rip_imm

/* A syscall that begins its window: a jump leads to it, but not behind it. */
	trap	trap_tail
	mov	$SYS_getppid, %eax
	test	%edi, %edi
	je	1f
	mov	%edi, %eax
1:
	sys	trap_tail
	mov	%rax, %rdx
	lea	1(%rdx), %rax
	ret
	end	trap_tail

/* ... whose window has an operand relative to rip, behind the syscall. */
	trap	trap_tail_rip
	mov	$SYS_getppid, %eax
	test	%edi, %edi
	je	1f
	mov	%edi, %eax
1:
	sys	trap_tail_rip
	mov	trap_word(%rip), %eax
	ret
	end	trap_tail_rip

/* A lock prefix that is skipped: a jump into an instruction that is right. */
	trap	trap_lock
	lea	trap_scratch(%rip), %rdx
	xor	%eax, %eax
	test	%edi, %edi
	je	1f
	lock
1:	cmpxchg	%ecx, (%rdx)
	mov	$SYS_getppid, %eax
	sys	trap_lock
	ret
	end	trap_lock

/* Switches on edi; no case lies in a window. */
	trap	trap_switch
	lea	1f(%rip), %rdx
	cmp	$2, %edi
	ja	4f
	mov	%edi, %edi
	movslq	(%rdx,%rdi,4), %rdi
	add	%rdx, %rdi
	jmp	*%rdi
2:	mov	$SYS_getppid, %eax
	sys	trap_switch
	ret
3:	mov	$7, %eax
	ret
4:	mov	$-1, %eax
	ret
	end	trap_switch
	.section .rodata
	.balign	4
1:	.long	2b - 1b, 3b - 1b, 2b - 1b
	.text

/* As glibc's clone: the FDE ends before the syscall, and the function runs on. */
	trap	trap_gap
	mov	$SYS_getppid, %eax
	.cfi_endproc
	sys	trap_gap
	test	%rax, %rax
	je	1f
	ret
1:
	.cfi_startproc
	.cfi_undefined rip
	hlt
	end	trap_gap

/* Data, and padding behind a call that does not return, that swallow what follows them, if they are
 * decoded: branches say where code goes on. */
	trap	trap_padding
	test	%edi, %edi
	jne	1f
	call	trap_far
	.byte	0x05, 0x05, 0x05, 0x05, 0x05, 0x05, 0x05
1:	mov	%edi, %edx
	jmp	2f
	.byte	0x48, 0xb8
2:	mov	$SYS_getppid, %eax
	sys	trap_padding
	ret
	end	trap_padding

/* Blocks, as read(). */
	trap	trap_read
	mov	$SYS_read, %eax
	sys	trap_read
	ret
	end	trap_read

/* ---- Live vector registers ---- */

	trap	trap_vec
	movd	%edi, %xmm3
	mov	$SYS_getppid, %eax
	sys	trap_vec
	movd	%xmm3, %eax
	ret
	end	trap_vec

	trap	trap_x87
	fld1
	mov	$SYS_getppid, %eax
	sys	trap_x87
	fstp	%st(0)
	ret
	end	trap_x87

/* Leaves for elsewhere with what it was given in registers. */
	trap	trap_leaves
	mov	$SYS_getppid, %eax
	sys	trap_leaves
	jmp	trap_plain
	end	trap_leaves

/* Is entered in the middle, by the function behind. */
	trap	trap_entered
	mov	$SYS_getppid, %eax
	sys	trap_entered
1:	ret
	.cfi_endproc
	.balign	16
	.skip	256, 0xcc
	.cfi_startproc
	nop
	jmp	1b
	end	trap_entered

/* ---- What must be left alone ---- */

/* 0f 05 in an immediate. */
	trap	trap_immediate
	mov	$0x0000050f, %eax
	ret
	end	trap_immediate

/* No room: control flow on both sides. */
	trap	trap_room
	test	%edi, %edi
	je	1f
	sys	trap_room
1:	ret
	end	trap_room

/* A jump to the syscall, and one behind it. */
	trap	trap_target
	mov	$SYS_getppid, %eax
	test	%edi, %edi
	je	1f
	js	2f
	mov	%edi, %eax
1:
	sys	trap_target
2:	mov	%eax, %edx
	mov	%edx, %eax
	ret
	end	trap_target

/* The same as trap_tail, the jump coming from another function: rel8. */
	trap	trap_near
	jmp	1f
	.cfi_endproc
	.balign	16
	.cfi_startproc
	mov	$SYS_getppid, %eax
1:
	sys	trap_near
	ret
	end	trap_near

/* ... rel32. */
	trap	trap_far
	test	%edi, %edi
	je	1f
	ret
	.cfi_endproc
	.balign	16
	.skip	256, 0xcc
	.cfi_startproc
	mov	$SYS_getppid, %eax
1:
	sys	trap_far
	ret
	end	trap_far

/* Bytes that look like a jump to the syscall, in another function, and are none: not in the way. */
	trap	trap_false
	.byte	0x48, 0xb8, 0xe9	/* movabs $0x909090..., with jmp 1f in the middle */
	.long	1f - . - 4
	.byte	0x90, 0x90, 0x90
	ret
	.cfi_endproc
	.balign	16
	.skip	256, 0xcc
	.cfi_startproc
	mov	$SYS_getppid, %eax
1:
	sys	trap_false
	ret
	end	trap_false

/* A case of a switch begins with the syscall. */
	trap	trap_case
	lea	1f(%rip), %rdx
	mov	%edi, %edi
	movslq	(%rdx,%rdi,4), %rdi
	add	%rdx, %rdi
	mov	$SYS_getpid, %eax
	jmp	*%rdi
2:	mov	$SYS_getppid, %eax
3:
	sys	trap_case
	ret
	end	trap_case
	.section .rodata
	.balign	4
1:	.long	2b - 1b, 3b - 1b
	.text

/* A pointer in data leads to the syscall. */
	trap	trap_pointer
	mov	$SYS_getppid, %eax
1:
	sys	trap_pointer
	ret
	end	trap_pointer
	.section .data.rel.ro, "aw"
	.balign	8
	.quad	1b
	.text

/* The syscall's address is taken in another function. */
	trap	trap_address
	mov	$SYS_getppid, %eax
1:
	sys	trap_address
	ret
	.cfi_endproc
	.balign	16
	.cfi_startproc
	lea	1b(%rip), %rax
	ret
	end	trap_address

/* Jumps to a label plus a distance out of a table. */
	trap	trap_computed
	mov	$SYS_getpid, %eax
	lea	2f(%rip), %rdx
	lea	1f(%rip), %rcx
	mov	%edi, %edi
	movslq	(%rcx,%rdi,4), %rdi
	add	%rdx, %rdi
	jmp	*%rdi
2:	mov	$SYS_getppid, %eax
3:
	sys	trap_computed
	ret
	end	trap_computed
	.section .rodata
	.balign	4
1:	.long	2b - 2b, 3b - 2b
	.text

/* An exception lands on the syscall. */
	trap	trap_pad
	.cfi_lsda 0x1b, .Lpad_lsda
	mov	$SYS_getppid, %eax
.Lpad:
	sys	trap_pad
	ret
	end	trap_pad
	.section .gcc_except_table, "a"
.Lpad_lsda:
	.byte	0xff			/* landing pads are relative to the function */
	.byte	0xff			/* no types */
	.byte	0x01			/* ULEB128 */
	.uleb128 .Lpad_end - .Lpad_first
.Lpad_first:
	.uleb128 0
	.uleb128 .Lpad - trap_pad
	.uleb128 .Lpad - trap_pad
	.uleb128 0
.Lpad_end:
	.text

/* Not moved: an operand relative to eip. */
	trap	trap_eip
	mov	%edi, %eax
	addr32 lea trap_word(%eip), %edi
	sys	trap_eip
	ret
	end	trap_eip

/* Two syscalls with three bytes between them: one has room, not both. */
	trap	trap_overlap
	call	1f
	sys	trap_overlap
	mov	%edi, %eax
	nop
	syscall
1:	ret
	end	trap_overlap

/* Data that swallows the syscall, if it is decoded; nothing says where code goes on. */
	trap	trap_data
	mov	$SYS_getppid, %eax
	test	%edi, %edi
	jne	2f
	ret
	.byte	0x48, 0xb8
1:	mov	$SYS_getppid, %eax
	sys	trap_data
	ret
2:	jmp	1b
	end	trap_data

/* No FDE. */
	.balign	16
	.globl	trap_no_fde, trap_no_fde_end
	.hidden	trap_no_fde, trap_no_fde_end
trap_no_fde:
	.cfi_startproc
	ret
	.cfi_endproc
	mov	$SYS_getppid, %eax
	sys	trap_no_fde
	ret
trap_no_fde_end:
	.balign	16, 0xcc

/* Returns from a signal. */
	trap	trap_sigframe
	.cfi_signal_frame
	mov	$SYS_rt_sigreturn, %rax
	sys	trap_sigframe
	end	trap_sigframe

	.section .rodata
	.balign	4
trap_word:
	.long	0x12345678
	.data
	.balign	4
trap_scratch:
	.long	0

	.section .note.GNU-stack, "", @progbits
