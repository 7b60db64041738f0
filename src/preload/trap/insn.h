/* SPDX-License-Identifier: MIT */
/*
 * Emulates instructions that access memory. A program's access to a mapped BAR, which has no memory
 * behind it, becomes a call this way (trap.c).
 *
 * On x86-64 (insn.c), those are emulated that compilers emit for accesses through a volatile
 * pointer, and those that the C library copies memory with: mov in all its general forms, movzx and
 * movsx, arithmetic and tests with one operand in memory, xchg, movs and stos with and without rep,
 * movnti, movdiri, movbe, and the moves of SSE, AVX and (unmasked) AVX-512 registers. All others
 * are carried out by the module of preload/insn/, if it is loaded. On AArch64 (insn_a64.c), all
 * loads and stores that a processor makes to device memory (a64.h).
 *
 * Context: any thread, any signal handler; no state but the arguments.
 */
#ifndef PRELOAD_TRAP_INSN_H
#define PRELOAD_TRAP_INSN_H

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

enum {
#if defined(__aarch64__)
	INSN_MAX_BYTES = 4
#else
	INSN_MAX_BYTES = 15
#endif
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

/* Where the thread of @context is: the address of the instruction. */
static inline uint64_t insn_pc(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uint64_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return context->uc_mcontext.pc;
#else
	(void)context;
	return 0;
#endif
}

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
