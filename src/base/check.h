/* SPDX-License-Identifier: MIT */
/*
 * Checked arithmetic on numbers that come from a program. There is no other kind of addition on an
 * IOVA or an address plus a length.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <errno.h>
#include <limits.h> /* musl's defines PAGE_SIZE */
#include <stdbool.h>
#include <stdint.h>

/* The page size that the API is defined on; the system's is the same. */
#undef PAGE_SIZE
#undef PAGE_MASK
#define PAGE_SHIFT 12u
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

/* *@sum = @a + @b, or -EOVERFLOW. */
static inline int check_add(uint64_t a, uint64_t b, uint64_t *sum)
{
	return __builtin_add_overflow(a, b, sum) ? -EOVERFLOW : 0;
}

/* *@last = the last of @len (not 0) bytes at @start, or -EOVERFLOW. 2^64 - 1 is a legal last. */
static inline int check_last(uint64_t start, uint64_t len, uint64_t *last)
{
	return check_add(start, len - 1, last);
}

/* @value rounded up to a multiple of @align (a power of two), or -EOVERFLOW. */
static inline int check_align_up(uint64_t value, uint64_t align, uint64_t *out)
{
	uint64_t sum;

	if (check_add(value, align - 1, &sum))
		return -EOVERFLOW;
	*out = sum & ~(align - 1);
	return 0;
}

static inline bool is_aligned(uint64_t value, uint64_t align)
{
	return (value & (align - 1)) == 0;
}

static inline uint64_t align_down(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

static inline bool is_power_of_two(uint64_t value)
{
	return value && (value & (value - 1)) == 0;
}

/* The lowest set bit of @value, 0 for 0. */
static inline uint64_t lowest_bit(uint64_t value)
{
	return value & (~value + 1);
}

/* floor(log2(value)); @value is not 0. */
static inline unsigned int log2_floor(uint64_t value)
{
	return 63u - (unsigned int)__builtin_clzll(value);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
