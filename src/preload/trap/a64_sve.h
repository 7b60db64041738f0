/* SPDX-License-Identifier: MIT */
/*
 * Contiguous loads and stores of SVE (a64.h): LD1B to LD1D, the same with a sign, and ST1B to ST1D,
 * whose elements lie side by side. The C library copies memory with these where there is SVE. A
 * predicate says which elements are moved; each is an access of its own.
 */
#ifndef PRELOAD_TRAP_A64_SVE_H
#define PRELOAD_TRAP_A64_SVE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/trap/a64.h"

enum {
	A64_Z_MAX_BYTES = 256, /* of a vector register of SVE, at most */
};

struct a64_sve {
	bool load, sign;
	unsigned int bytes;    /* of an element in memory, and how it is aligned */
	unsigned int in_bytes; /* of the element in the register, which is not smaller */
	unsigned int z, p;
	unsigned int first, end; /* the first element that is moved, and behind the last */
	uint64_t addr;		 /* of element 0 */
};

/* Whether @word is of the encodings of these groups, or near them. */
bool a64_is_sve(uint32_t word);

/*
 * Decodes such a @word, with the values of @registers. False: it is another instruction, it moves
 * no element, or there are no registers of SVE.
 */
bool a64_sve_decode(uint32_t word, const struct a64_registers *registers, struct a64_sve *sve);

/* Carries it out, but for the program counter. */
enum insn_result a64_sve_execute(const struct a64_sve *sve, const struct a64_registers *registers,
				 const struct insn_memory *memory);

#endif
