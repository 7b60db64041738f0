/* SPDX-License-Identifier: MIT */
#include "preload/trap/insn_compute.h"

uint64_t insn_compute(enum operation operation, unsigned int size, uint64_t a, uint64_t b,
		      uint64_t *flags)
{
	const uint64_t sign = UINT64_C(1) << (8 * size - 1);
	uint64_t carry_in = *flags & FLAG_CARRY, carries = 0, overflow = 0;
	uint64_t r;

	if (operation == ADD || operation == CMP || operation == SUB)
		carry_in = 0;
	switch (operation) {
	case ADD:
	case ADC:
		r = a + b + carry_in;
		carries = (a & b) | ((a | b) & ~r);
		overflow = (a ^ r) & (b ^ r);
		break;
	case SUB:
	case SBB:
	case CMP:
		r = a - b - carry_in;
		carries = (~a & b) | ((~a | b) & r);
		overflow = (a ^ b) & (a ^ r);
		break;
	case OR:
		r = a | b;
		break;
	case XOR:
		r = a ^ b;
		break;
	default:
		r = a & b;
		break;
	}
	*flags &= ~(uint64_t)ARITHMETIC_FLAGS;
	*flags |= carries & sign ? FLAG_CARRY : 0;
	*flags |= overflow & sign ? FLAG_OVERFLOW : 0;
	/* The carry out of bit 3. */
	*flags |= carries & 8 ? FLAG_ADJUST : 0;
	*flags |= r & sign ? FLAG_SIGN : 0;
	*flags |= r & size_mask(size) ? 0 : FLAG_ZERO;
	*flags |= __builtin_parityll(r & 0xff) ? 0 : FLAG_PARITY;
	return r & size_mask(size);
}
