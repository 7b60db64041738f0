/* SPDX-License-Identifier: MIT */
/*
 * x86-64 page tables: VT-d first stage (sign extended) and AMD v2 [FORMAT-X86].
 *
 * A leaf can always be read. Writable leaves are created dirty, so there is no dirty tracking.
 */
#define FMT_OPS		  iopt_x86_64_ops
#define FMT_GRANULE_SHIFT 12
#define FMT_MAX_TOP	  4
#define FMT_GROWS	  false
#define FMT_FIRST_TABLES  false
#define FMT_FEATURES	  IOPT_SIGN_EXTEND
#define FMT_DIRTY	  false

#include <errno.h>

#include "base/check.h"
#include "iopt/iopt_internal.h"
#include "iopt/x86_64.h"

/* A table entry without its address. */
#define X86_TABLE (X86_P | X86_RW | X86_US | X86_A)

enum {
	X86_IOVA_BITS = 48
};

static inline bool fmt_is_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return is_aligned(entry - X86_TABLE, ARENA_TABLE_SIZE);
}

static inline bool fmt_is_leaf(uint64_t entry, unsigned int level)
{
	(void)level;
	return entry & X86_P;
}

static inline uint64_t *fmt_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return (uint64_t *)(uintptr_t)(entry - X86_TABLE);
}

static inline uint64_t fmt_make_table(const uint64_t *table, unsigned int level)
{
	(void)level;
	return (uintptr_t)table | X86_TABLE;
}

static inline unsigned int fmt_leaf_bits(uint64_t entry, unsigned int level)
{
	(void)entry;
	return FMT_GRANULE_SHIFT + IOPT_INDEX_BITS * level;
}

static inline uint64_t fmt_leaf_oa(uint64_t entry, unsigned int bits)
{
	(void)bits;
	return entry & X86_OA;
}

static inline unsigned int fmt_leaf_prot(uint64_t entry)
{
	return IOPT_READ | (unsigned int)(entry & X86_RW);
}

static inline int fmt_attributes(const struct iopt *pt, unsigned int prot, uint64_t *attributes)
{
	(void)pt;
	*attributes = X86_P | X86_US | X86_A | (prot & IOPT_WRITE ? X86_RW | X86_D : 0);
	return 0;
}

static inline uint64_t fmt_encode_oa(uint64_t oa)
{
	return oa;
}

static inline uint64_t fmt_make_leaf(uint64_t attributes, uint64_t oa, unsigned int bits,
				     unsigned int level)
{
	(void)bits;
	return attributes | oa | (level > 0 ? X86_PS : 0);
}

static inline unsigned int fmt_level_number(unsigned int level)
{
	return level;
}

/*
 * VT-d's addresses are sign-extended, and the aperture is their lower half. For AMD v2 the width is
 * that of the aperture.
 */
static int fmt_setup(struct iopt *pt, const struct iopt_config *config)
{
	unsigned int bits = config->iova_bits ? config->iova_bits : X86_IOVA_BITS;
	bool extended = config->features & IOPT_SIGN_EXTEND;

	if (bits != 48 && bits != 57 && (extended || (bits != 47 && bits != 56)))
		return -EINVAL;
	pt->iova_bits = bits;
	pt->oa_bits = X86_OA_BITS;
	pt->aperture.last = BITS(bits - 1, 0) >> extended;
	pt->first_top = (bits - FMT_GRANULE_SHIFT - 1) / IOPT_INDEX_BITS;
	return 0;
}

static uint64_t fmt_pgsizes(const struct iopt *pt)
{
	(void)pt;
	return BIT(12) | BIT(21) | BIT(30);
}

#include "iopt/walk.h"

const struct iopt_format iopt_x86_64 = {
	.name = "x86-64", .ops = &iopt_x86_64_ops, .codes = IOPT_CODES_X86_64};
