/* SPDX-License-Identifier: MIT */
/* Loads and stores of one or two registers (a64.h): what an instruction's encoding says. */
#ifndef PRELOAD_TRAP_A64_DECODE_H
#define PRELOAD_TRAP_A64_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/trap/a64.h"

enum {
	A64_ZERO = 31, /* as data: the register that is 0; as a base: the stack pointer */
};

struct a64_access {
	bool load, vector;
	bool sign;	    /* a load extends the sign, into the lower @to_bytes of the register */
	unsigned int bytes; /* of each register, and how they are aligned: 1, 2, 4, 8 or 16 */
	unsigned int to_bytes; /* 4 or 8 */
	unsigned int count;    /* registers */
	unsigned int registers[2];
	uint64_t addr; /* of the first, the others are behind it */

	bool writes_back;
	unsigned int base;
	uint64_t base_after;
};

/* @count bits of @word from bit @first on. */
static inline uint32_t a64_bits(uint32_t word, unsigned int first, unsigned int count)
{
	return word >> first & ((UINT32_C(1) << count) - 1);
}

static inline uint64_t a64_base(const struct a64_registers *registers, unsigned int n)
{
	return n == A64_ZERO ? *registers->sp : registers->x[n];
}

static inline void a64_set_base(const struct a64_registers *registers, unsigned int n,
				uint64_t value)
{
	*(n == A64_ZERO ? registers->sp : &registers->x[n]) = value;
}

static inline uint64_t a64_get(const struct a64_registers *registers, unsigned int n)
{
	return n == A64_ZERO ? 0 : registers->x[n];
}

/* Without the tag in the upper byte, which Linux has processors ignore in addresses of programs. */
static inline uint64_t a64_untagged(uint64_t addr)
{
	return addr << 8 >> 8;
}

/*
 * Decodes @word with the values of @registers for its address. False: it is no such instruction.
 */
bool a64_decode(uint32_t word, const struct a64_registers *registers, struct a64_access *access);

#endif
