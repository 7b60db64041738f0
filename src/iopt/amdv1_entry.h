/* SPDX-License-Identifier: MIT */
/*
 * Entries of AMD's v1 tables, for the walker (iopt/walk.h lists these functions): what amdv1.c and
 * amdv1_mock.c share.
 *
 * The including file defines FMT_GRANULE_SHIFT. The mock's granule is 2 KiB, and every address in
 * its entries is shifted left by one bit, so that the granule's number is in the same place.
 */
#ifndef IOPT_AMDV1_ENTRY_H
#define IOPT_AMDV1_ENTRY_H

#include "base/check.h"
#include "iopt/amdv1.h"
#include "iopt/iopt_internal.h"

#ifndef FMT_GRANULE_SHIFT
#define FMT_GRANULE_SHIFT 12
#endif

enum {
	AMDV1_FIRST_TOP = 2
};

static inline uint64_t amdv1_next_level(unsigned int level)
{
	return (uint64_t)level << AMDV1_NEXT_LEVEL_SHIFT;
}

static inline uint64_t fmt_encode_oa(uint64_t oa)
{
	return oa << (AMDV1_OA_SHIFT - FMT_GRANULE_SHIFT);
}

static inline uint64_t fmt_decode_oa(uint64_t entry)
{
	return (entry & AMDV1_OA) >> (AMDV1_OA_SHIFT - FMT_GRANULE_SHIFT);
}

/* A table entry without its address. */
static inline uint64_t amdv1_table_bits(unsigned int level)
{
	return AMDV1_PR | AMDV1_IR | AMDV1_IW | amdv1_next_level(level);
}

/* A table entry holds its own level; 0 and 7 are leaves. */
static inline bool fmt_is_table(uint64_t entry, unsigned int level)
{
	return is_aligned(entry - amdv1_table_bits(level), BIT(AMDV1_OA_SHIFT));
}

static inline bool fmt_is_leaf(uint64_t entry, unsigned int level)
{
	(void)level;
	return entry & AMDV1_PR;
}

static inline uint64_t *fmt_table(uint64_t entry, unsigned int level)
{
	return (uint64_t *)(uintptr_t)((entry - amdv1_table_bits(level)) >>
				       (AMDV1_OA_SHIFT - FMT_GRANULE_SHIFT));
}

static inline uint64_t fmt_make_table(const uint64_t *table, unsigned int level)
{
	return amdv1_table_bits(level) | fmt_encode_oa((uintptr_t)table);
}

static inline unsigned int fmt_leaf_bits(uint64_t entry, unsigned int level)
{
	if (!(entry & AMDV1_NEXT_LEVEL))
		return FMT_GRANULE_SHIFT + IOPT_INDEX_BITS * level;
	/* The lowest zero of the address stands for half the size. */
	return (unsigned int)__builtin_ctzll(~(entry >> AMDV1_OA_SHIFT)) + FMT_GRANULE_SHIFT + 1;
}

static inline uint64_t fmt_leaf_oa(uint64_t entry, unsigned int bits)
{
	return fmt_decode_oa(entry) & ~(BIT(bits) - 1);
}

static inline unsigned int fmt_leaf_prot(uint64_t entry)
{
	return (unsigned int)(entry >> AMDV1_PROT_SHIFT) & (IOPT_READ | IOPT_WRITE);
}

static inline int fmt_attributes(const struct iopt *pt, unsigned int prot, uint64_t *attributes)
{
	*attributes = AMDV1_PR | (uint64_t)(prot & (IOPT_READ | IOPT_WRITE)) << AMDV1_PROT_SHIFT |
		      (pt->features & IOPT_FORCE_COHERENT ? AMDV1_FC : 0);
	return 0;
}

static inline uint64_t fmt_make_leaf(uint64_t attributes, uint64_t oa, unsigned int bits,
				     unsigned int level)
{
	uint64_t entry = attributes | fmt_encode_oa(oa);

	if (bits == FMT_GRANULE_SHIFT + IOPT_INDEX_BITS * level)
		return entry;
	return entry | amdv1_next_level(AMDV1_LEVEL_ENCODED) |
	       (fmt_encode_oa(BIT(bits - 1)) - BIT(AMDV1_OA_SHIFT));
}

static inline bool fmt_is_dirty(uint64_t entry)
{
	return entry & AMDV1_D;
}

static inline uint64_t fmt_dirty(uint64_t entry)
{
	return entry | AMDV1_D;
}

static inline uint64_t fmt_clean(uint64_t entry)
{
	return entry & ~AMDV1_D;
}

static inline unsigned int fmt_level_number(unsigned int level)
{
	return level;
}

/* Every power of two that a leaf can have at these widths. */
static inline uint64_t amdv1_pgsizes(unsigned int iova_bits, unsigned int oa_bits)
{
	unsigned int end = iova_bits - 1 < oa_bits ? iova_bits - 1 : oa_bits;

	return BITS(end - 1, FMT_GRANULE_SHIFT);
}

#endif
