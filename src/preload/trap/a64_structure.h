/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores of structures (a64.h): LD1 to LD4 and ST1 to ST4, which move the elements of up
 * to four vector registers. Each element is an access of its own.
 */
#ifndef PRELOAD_TRAP_A64_STRUCTURE_H
#define PRELOAD_TRAP_A64_STRUCTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/trap/a64.h"

enum {
	A64_STRUCTURE_REGISTERS = 4, /* at most */
};

struct a64_structure {
	bool load;
	bool interleaved; /* an element of each register in turn, not a register after the other */
	bool replicated;  /* a load: the element goes to all lanes */
	bool single;	  /* a load keeps the other lanes */
	unsigned int bytes;	/* of an element, and how it is aligned */
	unsigned int registers; /* in a row, from @first on; v0 follows v31 */
	unsigned int first;
	unsigned int lane, lanes;    /* of each register: the first, and how many are moved */
	unsigned int register_bytes; /* that a load sets if it is not @single: 8 or 16 */
	uint64_t addr;

	bool writes_back;
	unsigned int base;
	uint64_t base_after;
};

/* Whether @word is of the encodings' groups of structures; the others are of a64_decode(). */
bool a64_is_structure(uint32_t word);

/* Decodes such a @word. False: it is reserved, or there are no vector registers. */
bool a64_structure_decode(uint32_t word, const struct a64_registers *registers,
			  struct a64_structure *structure);

/* Bytes of memory that it accesses. */
uint64_t a64_structure_len(const struct a64_structure *structure);

/* Carries it out, but for the program counter. */
enum insn_result a64_structure_execute(const struct a64_structure *structure,
				       struct a64_registers *registers,
				       const struct insn_memory *memory);

#endif
