/* SPDX-License-Identifier: MIT */
/*
 * Arm LPAE page tables, AArch64, 4 KiB granule (spec 70-formats, 6): what stage 1 and stage 2 have
 * in common. They differ in attributes and dirty state, which the includer states.
 *
 * The architecture counts levels from the top, so that level 3 holds pages; here they count from
 * the bottom as everywhere.
 */
#ifndef IOPT_ARM_LPAE_H
#define IOPT_ARM_LPAE_H

#include <errno.h>

#include "base/check.h"
#include "iopt/iopt_internal.h"

#ifndef FMT_GRANULE_SHIFT
#define FMT_GRANULE_SHIFT 12
#endif

#define ARM_VALID    BIT(0)
#define ARM_BLOCK    BIT(0)
#define ARM_TABLE    BITS(1, 0) /* above the pages' level: all but the address */
#define ARM_PAGE     BITS(1, 0)
#define ARM_SH_OUTER BIT(9)
#define ARM_SH_INNER BITS(9, 8)
#define ARM_AF	     BIT(10)
#define ARM_OA	     BITS(47, 12)

enum {
	ARM_BITS_MAX = 48,
	ARM_IOVA_BITS_MIN = 25, /* T0SZ is at most 39 */
	ARM_PAGES_LEVEL = 3,	/* the architecture's number of level 0 */
};

static inline bool fmt_is_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return is_aligned(entry - ARM_TABLE, ARENA_TABLE_SIZE);
}

static inline bool fmt_is_leaf(uint64_t entry, unsigned int level)
{
	(void)level;
	return entry & ARM_VALID;
}

static inline uint64_t *fmt_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return (uint64_t *)(uintptr_t)(entry - ARM_TABLE);
}

static inline uint64_t fmt_make_table(const uint64_t *table, unsigned int level)
{
	(void)level;
	return (uintptr_t)table | ARM_TABLE;
}

static inline unsigned int fmt_leaf_bits(uint64_t entry, unsigned int level)
{
	(void)entry;
	return FMT_GRANULE_SHIFT + IOPT_INDEX_BITS * level;
}

static inline uint64_t fmt_leaf_oa(uint64_t entry, unsigned int bits)
{
	(void)bits;
	return entry & ARM_OA;
}

static inline uint64_t fmt_encode_oa(uint64_t oa)
{
	return oa;
}

static inline uint64_t fmt_make_leaf(uint64_t attributes, uint64_t oa, unsigned int bits,
				     unsigned int level)
{
	(void)bits;
	return attributes | oa | (level > 0 ? ARM_BLOCK : ARM_PAGE);
}

static inline unsigned int fmt_level_number(unsigned int level)
{
	return ARM_PAGES_LEVEL - level;
}

/* Checks and stores the widths. The top has just the levels that the input needs. */
static inline int arm_setup(struct iopt *pt, const struct iopt_config *config)
{
	unsigned int ias = config->iova_bits ? config->iova_bits : ARM_BITS_MAX;
	unsigned int oas = config->oa_bits ? config->oa_bits : ARM_BITS_MAX;

	if (ias < ARM_IOVA_BITS_MIN || ias > ARM_BITS_MAX)
		return -EINVAL;
	if (oas < 32 || oas > ARM_BITS_MAX)
		return -EINVAL;
	pt->iova_bits = ias;
	pt->oa_bits = oas;
	pt->aperture.last = BITS(ias - 1, 0);
	pt->first_top = (ias - FMT_GRANULE_SHIFT - 1) / IOPT_INDEX_BITS;
	return 0;
}

static inline uint64_t fmt_pgsizes(const struct iopt *pt)
{
	uint64_t sizes = BIT(12) | BIT(21) | BIT(30);

	return sizes & BITS(pt->iova_bits - 1, 0);
}

#endif
