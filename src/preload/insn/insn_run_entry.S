/* SPDX-License-Identifier: MIT */
/*
 * insn_run_by_BASE(run): loads the registers of @run, with BASE as its address, and jumps to its
 * code, which jumps to insn_back_by_BASE: that stores them, and returns.
 *
 * rsp stays ours, unless the instruction names it: no signal may come then.
 */
#include "preload/insn/insn_run_layout.h"

	.text

.macro load reg, number, base
	.ifnc \reg,\base
	mov	RUN_AT_REGISTERS + 8 * \number(%\base), %\reg
	.endif
.endm

.macro store reg, number, base
	.ifnc \reg,\base
	mov	%\reg, RUN_AT_REGISTERS + 8 * \number(%\base)
	.endif
.endm

.macro all operation, base
	\operation rax, 0, \base
	\operation rcx, 1, \base
	\operation rdx, 2, \base
	\operation rbx, 3, \base
	\operation rbp, 5, \base
	\operation rsi, 6, \base
	\operation rdi, 7, \base
	\operation r8, 8, \base
	\operation r9, 9, \base
	\operation r10, 10, \base
	\operation r11, 11, \base
	\operation r12, 12, \base
	\operation r13, 13, \base
	\operation r14, 14, \base
	\operation r15, 15, \base
.endm

.macro around base
	.globl	insn_run_by_\base
	.hidden	insn_run_by_\base
	.type	insn_run_by_\base, @function
insn_run_by_\base:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, RUN_AT_STACK(%rdi)
	cmpb	$0, RUN_AT_USES_STACK(%rdi)
	jne	4f
	mov	%rsp, RUN_AT_REGISTERS + 8 * 4(%rdi)
4:	stmxcsr	RUN_AT_MXCSR(%rdi)
	fnstcw	RUN_AT_CONTROL(%rdi)
	mov	RUN_AT_MASK(%rdi), %eax
	xor	%edx, %edx
	test	%eax, %eax
	jz	1f
	xrstor64 RUN_AT_STATE(%rdi)
1:	pushq	RUN_AT_FLAGS(%rdi)
	popfq
	.ifnc	\base,rdi
	mov	%rdi, %\base
	.endif
	all	load, \base
	load	rsp, 4, \base
	jmp	*RUN_AT_CODE(%\base)

	.globl	insn_back_by_\base
	.hidden	insn_back_by_\base
insn_back_by_\base:
	store	rsp, 4, \base
	mov	RUN_AT_STACK(%\base), %rsp
	all	store, \base
	pushfq
	popq	RUN_AT_FLAGS(%\base)
	cld
	.ifnc	\base,rdi
	mov	%\base, %rdi
	.endif
	mov	RUN_AT_MASK(%rdi), %eax
	xor	%edx, %edx
	test	%eax, %eax
	jz	3f
	xsave64	RUN_AT_STATE(%rdi)
	test	$4, %al
	jz	2f
	vzeroupper
2:	fninit
	fldcw	RUN_AT_CONTROL(%rdi)
	ldmxcsr	RUN_AT_MXCSR(%rdi)
3:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	insn_run_by_\base, . - insn_run_by_\base
.endm

	around	rax
	around	rcx
	around	rdx
	around	rbx
	around	rsi
	around	rdi

	.section .note.GNU-stack, "", @progbits
