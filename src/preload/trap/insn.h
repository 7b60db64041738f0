/* SPDX-License-Identifier: MIT */
/*
 * Emulates instructions of x86-64 that access memory. A program's access to a mapped BAR, which has
 * no memory behind it, becomes a call this way (trap.c).
 *
 * Emulated here are the instructions that compilers emit for accesses through a volatile pointer,
 * and those that the C library copies memory with: mov in all its general forms, movzx and movsx,
 * arithmetic and tests with one operand in memory, xchg, movs and stos with and without rep,
 * movnti, movdiri, movbe, and the moves of SSE, AVX and (unmasked) AVX-512 registers. All others
 * are carried out by the module of preload/insn/, if it is loaded.
 *
 * Context: any thread, any signal handler; no state but the arguments.
 */
#ifndef PRELOAD_TRAP_INSN_H
#define PRELOAD_TRAP_INSN_H

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

enum {
	INSN_MAX_BYTES = 15
};

/* The memory that the instruction accesses. Each returns 0, or another value if it cannot. */
struct insn_memory {
	int (*read)(uint64_t addr, void *buf, size_t len);
	int (*write)(uint64_t addr, const void *buf, size_t len);
};

enum insn_result {
	INSN_DONE,    /* @context is behind the instruction, or at it with fewer rounds of its rep
			 to go */
	INSN_UNKNOWN, /* not emulated; nothing was changed */
	INSN_MISALIGNED, /* nothing was changed; only of AArch64, where the processor raises a fault
			    for such an access to device memory */
	INSN_REFUSED,	 /* memory could not be accessed; @context is as before the instruction, or
			    before the round of its rep that failed */
};

/*
 * Carries out one instruction.
 * @code: the instruction, of which @len bytes (at most INSN_MAX_BYTES) could be read
 * @context: the state of the thread at the instruction
 * @addr: the address of its memory operand
 * @memory: replaces the memory of the process; rep movs reaches both of its operands through it
 */
enum insn_result insn_emulate(const uint8_t *code, size_t len, ucontext_t *context, uint64_t addr,
			      const struct insn_memory *memory);

/* As insn_emulate(). */
typedef enum insn_result insn_emulate_fn(const uint8_t *code, size_t len, ucontext_t *context,
					 uint64_t addr, const struct insn_memory *memory);

/*
 * What insn_emulate() asks for instructions that it does not know (preload/insn/). Context: once,
 * before there is anything to trap.
 */
void insn_set_other(insn_emulate_fn *other);

#endif
