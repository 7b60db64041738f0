/* SPDX-License-Identifier: MIT */
/* Bits and fields of 64-bit words, by the numbers that specifications give them. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdint.h>

#define BIT(n)		(UINT64_C(1) << (n))
#define BITS(high, low) ((~UINT64_C(0) >> (63 - (high))) & (~UINT64_C(0) << (low)))

/* The value of the field that @mask marks in @word. */
static inline uint64_t bits_get(uint64_t word, uint64_t mask)
{
	return (word & mask) / (mask & (~mask + 1));
}

#endif
