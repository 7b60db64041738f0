/* SPDX-License-Identifier: MIT */
/* An instruction as Zydis has decoded it, its operand in memory, and its form for a copy. */
#ifndef PRELOAD_INSN_OPERAND_H
#define PRELOAD_INSN_OPERAND_H

#include <Zydis/Zydis.h>

#include "preload/insn/insn_run.h"
#include "preload/trap/insn.h"

struct any_insn {
	const uint8_t *code;
	ucontext_t *context;
	const struct insn_memory *memory;
	uint64_t fault; /* the address at which the program has stopped */
	ZydisDecodedInstruction decoded;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	const ZydisDecodedOperand *operand; /* the one in memory that ModRM names; NULL: none */
	bool vector;			    /* it needs more than general registers */
	uint64_t pc;			    /* of the next instruction */
};

/* The value of a register that is part of an address. False: of none that we know. */
bool insn_address_register(const struct any_insn *insn, ZydisRegister reg, uint64_t *value);

/*
 * The address of @operand. Behind fs and gs it is the one of the fault, as the base is not known.
 * False: it cannot be told.
 */
bool insn_operand_address(const struct any_insn *insn, const ZydisDecodedOperand *operand,
			  uint64_t *addr);

/* A register that holds the address of the copy and is not used otherwise. False: there is none. */
bool insn_free_base(const struct any_insn *insn, unsigned int *base);

/* Whether rsp is an operand, not only part of an address. */
bool insn_names_stack(const struct any_insn *insn);

/* Encodes the instruction with its operand at *@base. Returns its length. */
size_t insn_encode(const struct any_insn *insn, unsigned int base, uint8_t *code);

/* Whether this processor has what the instruction needs, and programs may use it. */
bool insn_is_allowed(const ZydisDecodedInstruction *decoded);

/* Looks at the processor, once, before insn_is_allowed(). */
void insn_look_at_processor(void);

#endif
