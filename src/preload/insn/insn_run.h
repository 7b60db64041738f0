/* SPDX-License-Identifier: MIT */
/*
 * Runs one instruction of a program on a copy of its memory operand: the processor itself carries
 * it out, with the registers and flags of a ucontext_t. So nothing of what an instruction does is
 * stated a second time.
 *
 * The instruction has been encoded again, with a register for the address of the copy that it does
 * not use otherwise (insn_encode.h). Code and copy are in a slot; each run takes a free one, of
 * which there are SLOTS, and waits otherwise. So runs need no lock and may be on any thread. What
 * runs is written by the thread that runs it, and reached by a jump, as Intel SDM 3, 9.1.3 wants of
 * code that is changed.
 *
 * Vector, mask and x87 registers are loaded and stored by XRSTOR and XSAVE, from a copy of the
 * signal's frame in which nothing is left that XRSTOR would refuse. Exceptions of SSE are masked
 * meanwhile: one that the program has not masked is found afterwards, and nothing has happened.
 *
 * Context: signals are blocked, as in the handler of a trap.
 */
#ifndef PRELOAD_INSN_RUN_H
#define PRELOAD_INSN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

enum {
	RUN_OPERAND = 576, /* bytes of memory operands, at most */
	RUN_CODE = 32,
	RUN_STATE = 2816, /* of XSAVE's area, up to the registers of AVX-512 */
	RUN_REGISTERS = 16,
};

/* What a slot has: an operand, registers, and code. Offsets are known to the assembly. */
struct insn_run {
	uint8_t operand[RUN_OPERAND] __attribute__((aligned(64)));
	uint8_t state[RUN_STATE] __attribute__((aligned(64)));
	uint64_t registers[RUN_REGISTERS]; /* by the numbers of their encoding */
	uint64_t flags, host_stack, code, back;
	uint32_t
		state_mask; /* components that the instruction may use; 0: general registers only */
	uint32_t host_mxcsr;
	uint16_t host_control;
	bool uses_stack; /* the instruction names rsp; else it stays ours */
	uint8_t *text;	 /* RUN_CODE bytes */
};

/* @memory: insn_run_space() bytes of zeros that may be read, written and executed. */
size_t insn_run_space(void);
void insn_run_init(void *memory);

/* The components of XSAVE that are known here, and enabled. */
uint32_t insn_run_components(void);

/* A free slot, until insn_run_put(). */
struct insn_run *insn_run_get(void);
void insn_run_put(struct insn_run *run);

/*
 * Fills @run->registers and flags from @context, and, if @vector, the state. False: this processor
 * or this frame has none.
 */
bool insn_run_load(struct insn_run *run, const ucontext_t *context, bool vector);

/* Runs @code, of @len bytes, whose operand is at register @base: rax, rcx, rdx, rbx, rsi or rdi. */
void insn_run(struct insn_run *run, const uint8_t *code, size_t len, unsigned int base);

/*
 * Takes registers, flags and state over into @context; @base is left as it is there. False: it
 * would have been an exception of SSE that the program has not masked; nothing was changed.
 * @pc, @addr: what x87 is to remember as the addresses of the instruction and its operand.
 */
bool insn_run_store(const struct insn_run *run, ucontext_t *context, unsigned int base, uint64_t pc,
		    uint64_t addr);

/* A general register of @context by the number of its encoding. */
greg_t *insn_register(ucontext_t *context, unsigned int number);

/* Mask register @n of AVX-512; 0 if there is none. */
uint64_t insn_run_mask(const ucontext_t *context, unsigned int n);

/* MXCSR of @context; false: it has none. */
bool insn_run_mxcsr(const ucontext_t *context, uint32_t *value);

/* Sets MXCSR; false: with bits that this processor does not have. */
bool insn_run_set_mxcsr(ucontext_t *context, uint32_t value);

/* Whether x87 has an exception that the next of its instructions raises. */
bool insn_run_x87_pending(const ucontext_t *context);

/* Sets mask register @n to 0. */
void insn_run_clear_mask(ucontext_t *context, unsigned int n);

#endif
