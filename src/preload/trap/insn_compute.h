/* SPDX-License-Identifier: MIT */
/* Arithmetic of x86, with its flags. */
#ifndef PRELOAD_TRAP_INSN_COMPUTE_H
#define PRELOAD_TRAP_INSN_COMPUTE_H

#include <stdint.h>

/* In the order of the opcodes; TEST is beside them. */
enum operation {
	ADD,
	OR,
	ADC,
	SBB,
	AND,
	SUB,
	XOR,
	CMP,
	TEST,
};

enum {
	FLAG_CARRY = 1 << 0,
	FLAG_PARITY = 1 << 2,
	FLAG_ADJUST = 1 << 4,
	FLAG_ZERO = 1 << 6,
	FLAG_SIGN = 1 << 7,
	FLAG_OVERFLOW = 1 << 11,
	ARITHMETIC_FLAGS = FLAG_CARRY | FLAG_PARITY | FLAG_ADJUST | FLAG_ZERO | FLAG_SIGN |
			   FLAG_OVERFLOW,
};

/* The bits of @size bytes: 1, 2, 4 or 8. */
static inline uint64_t size_mask(unsigned int size)
{
	return size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

/* @a op @b in @size bytes; *@flags is RFLAGS before, and becomes what it is after. */
uint64_t insn_compute(enum operation operation, unsigned int size, uint64_t a, uint64_t b,
		      uint64_t *flags);

#endif
