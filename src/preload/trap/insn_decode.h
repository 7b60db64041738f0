/* SPDX-License-Identifier: MIT */
/*
 * An instruction of x86-64 while it is decoded and carried out (insn.h): prefixes, opcode,
 * operands.
 */
#ifndef PRELOAD_TRAP_INSN_DECODE_H
#define PRELOAD_TRAP_INSN_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/trap/insn.h"

enum opcode_map {
	OPCODES_1,     /* one byte */
	OPCODES_0F,    /* 0f xx */
	OPCODES_0F_38, /* 0f 38 xx */
};

enum encoding {
	LEGACY,
	VEX,
	EVEX,
};

/* The mandatory prefix of a vector instruction, as VEX numbers them. */
enum vector_prefix {
	PREFIX_NONE,
	PREFIX_66,
	PREFIX_F3,
	PREFIX_F2,
};

struct insn {
	ucontext_t *context;
	const struct insn_memory *memory;
	uint64_t addr; /* of the memory operand */

	const uint8_t *start, *at, *end;
	bool short_of; /* the instruction needs bytes after @end */

	enum encoding encoding;
	enum opcode_map map;
	enum vector_prefix prefix;
	unsigned int vector_len; /* bytes */
	uint8_t opcode;
	bool rex, wide, operand16, address32;
	unsigned int reg;   /* of ModRM, with its extensions */
	unsigned int group; /* of ModRM, without */
};

/* The bits of @size bytes: 1, 2, 4 or 8. */
static inline uint64_t insn_size_mask(unsigned int size)
{
	return size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

/*
 * The functions below consume bytes of the instruction. Where there are none left they set
 * @short_of and go on with zeros.
 */

/* Decodes everything up to the opcode. False: the instruction is not emulated. */
bool insn_decode_prefixes(struct insn *insn);

/* Decodes ModRM and skips the memory operand. False: the operand is a register. */
bool insn_decode_modrm(struct insn *insn);

/* The next @size bytes, extended with their sign to 64 bits. */
uint64_t insn_fetch_signed(struct insn *insn, unsigned int size);

/* The immediate of an operand of @size bytes; it is never longer than 4 bytes itself. */
uint64_t insn_fetch_immediate(struct insn *insn, unsigned int size);

#endif
