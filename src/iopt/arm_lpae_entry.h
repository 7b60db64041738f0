/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of Arm LPAE tables, for the walker (iopt/walk.h lists these functions): what arm_s1.c
 * and arm_s2.c share. Attributes, rights and dirty state are each stage's own.
 */
#ifndef IOPT_ARM_LPAE_ENTRY_H
#define IOPT_ARM_LPAE_ENTRY_H

#include <errno.h>

#include "base/check.h"
#include "iopt/arm_lpae.h"
#include "iopt/iopt_internal.h"

#ifndef FMT_GRANULE_SHIFT
#define FMT_GRANULE_SHIFT 12
#endif

/* Descriptors without address and attributes. */
#define ARM_TABLE_DESC (ARM_VALID | ARM_TABLE)
#define ARM_PAGE_DESC  (ARM_VALID | ARM_TABLE)
#define ARM_BLOCK_DESC ARM_VALID

static inline bool fmt_is_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return is_aligned(entry - ARM_TABLE_DESC, ARENA_TABLE_SIZE);
}

static inline bool fmt_is_leaf(uint64_t entry, unsigned int level)
{
	(void)level;
	return entry & ARM_VALID;
}

static inline uint64_t *fmt_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return (uint64_t *)(uintptr_t)(entry - ARM_TABLE_DESC);
}

static inline uint64_t fmt_make_table(const uint64_t *table, unsigned int level)
{
	(void)level;
	return (uintptr_t)table | ARM_TABLE_DESC;
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
	return attributes | oa | (level > 0 ? ARM_BLOCK_DESC : ARM_PAGE_DESC);
}

static inline unsigned int fmt_level_number(unsigned int level)
{
	return ARM_PAGES_LEVEL - level;
}

/* Checks and stores the widths. The table has no more levels than the input needs. */
static inline int arm_setup(struct iopt *pt, const struct iopt_config *config)
{
	unsigned int ias = config->iova_bits ? config->iova_bits : ARM_BITS_MAX;
	unsigned int oas = config->oa_bits ? config->oa_bits : ARM_BITS_MAX;

	if (ias < ARM_INPUT_BITS_MIN || ias > ARM_BITS_MAX)
		return -EINVAL;
	if (oas < ARM_OUTPUT_BITS_MIN || oas > ARM_BITS_MAX)
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
