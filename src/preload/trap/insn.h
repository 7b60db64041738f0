/* SPDX-License-Identifier: MIT */
/*
 * Instructions of x86-64 that access memory, carried out by hand: how a program's access to a
 * mapped BAR, which has no memory behind it, becomes a call (trap.c).
 *
 * Known are the instructions that compilers emit for accesses through a volatile pointer, and those
 * that the C library copies memory with: mov in all its general forms, movzx and movsx, arithmetic
 * and tests with one operand in memory, xchg, movs and stos with and without rep, movnti, movdiri,
 * movbe, and the moves of SSE, AVX and (unmasked) AVX-512 registers.
 */
#ifndef PRELOAD_TRAP_INSN_H
#define PRELOAD_TRAP_INSN_H

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

enum {
	INSN_MAX_BYTES = 15
};

/* The memory that instructions see. Results: 0, or anything else: it cannot be accessed. */
struct insn_memory {
	int (*read)(uint64_t addr, void *buf, size_t len);
	int (*write)(uint64_t addr, const void *buf, size_t len);
};

enum insn_result {
	INSN_DONE,    /* @context is what it is after the instruction (or after some rounds of its
			 rep, to be gone on with) */
	INSN_UNKNOWN, /* nothing was changed */
	INSN_FAULT,   /* memory could not be accessed; @context is as before it (or before the
			 round of its rep that failed) */
};

/*
 * Carries out the instruction at @code (@len bytes of it can be read), which has faulted at @addr
 * in the state @context of its thread.
 */
enum insn_result insn_emulate(const uint8_t *code, size_t len, ucontext_t *context, uint64_t addr,
			      const struct insn_memory *memory);

#endif
