/* SPDX-License-Identifier: MIT */
/*
 * RISC-V Sv39, Sv48 and Sv57 page tables [FORMAT-RISCV], with Svnapot's 64 KiB pages, each
 * stored in the 16 entries that it covers.
 *
 * Everything mapped is executable. Writable leaves are created dirty, so there is no dirty
 * tracking.
 */
#define FMT_OPS		  iopt_riscv_ops
#define FMT_GRANULE_SHIFT 12
#define FMT_MAX_TOP	  4
#define FMT_GROWS	  false
#define FMT_FIRST_TABLES  false
#define FMT_FEATURES	  (IOPT_SIGN_EXTEND | IOPT_NAPOT | IOPT_PBMT)
#define FMT_DIRTY	  false

#include <errno.h>

#include "base/check.h"
#include "iopt/iopt_internal.h"
#include "iopt/riscv.h"

enum {
	RISCV_IOVA_BITS = 48
};

static inline uint64_t fmt_encode_oa(uint64_t oa)
{
	return oa >> RISCV_PPN_SHIFT;
}

static inline bool fmt_is_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return is_aligned(entry - RISCV_V, BIT(RISCV_PPN_START));
}

static inline bool fmt_is_leaf(uint64_t entry, unsigned int level)
{
	(void)level;
	return entry & RISCV_V;
}

static inline uint64_t *fmt_table(uint64_t entry, unsigned int level)
{
	(void)level;
	return (uint64_t *)(uintptr_t)((entry - RISCV_V) << RISCV_PPN_SHIFT);
}

static inline uint64_t fmt_make_table(const uint64_t *table, unsigned int level)
{
	(void)level;
	return fmt_encode_oa((uintptr_t)table) | RISCV_V;
}

static inline unsigned int fmt_leaf_bits(uint64_t entry, unsigned int level)
{
	if (entry & RISCV_N)
		return RISCV_NAPOT_BITS;
	return FMT_GRANULE_SHIFT + IOPT_INDEX_BITS * level;
}

static inline uint64_t fmt_leaf_oa(uint64_t entry, unsigned int bits)
{
	return (entry & RISCV_PPN) << RISCV_PPN_SHIFT & ~(BIT(bits) - 1);
}

/* Of the memory types only IO is encoded. */
static inline unsigned int fmt_leaf_prot(uint64_t entry)
{
	unsigned int rights = (unsigned int)(entry >> RISCV_PROT_SHIFT) & (IOPT_READ | IOPT_WRITE);

	return rights | (entry & RISCV_PBMT_IO ? IOPT_MMIO : 0);
}

static inline int fmt_attributes(const struct iopt *pt, unsigned int prot, uint64_t *attributes)
{
	if (!(prot & (IOPT_READ | IOPT_WRITE)))
		return -EOPNOTSUPP;
	*attributes = RISCV_V | RISCV_R | RISCV_X | RISCV_U | RISCV_A |
		      (prot & IOPT_WRITE ? RISCV_W | RISCV_D : 0) |
		      (prot & IOPT_MMIO && pt->features & IOPT_PBMT ? RISCV_PBMT_IO : 0);
	return 0;
}

static inline uint64_t fmt_make_leaf(uint64_t attributes, uint64_t oa, unsigned int bits,
				     unsigned int level)
{
	(void)level;
	return attributes | fmt_encode_oa(oa) |
	       (bits == RISCV_NAPOT_BITS ? RISCV_N | RISCV_NAPOT : 0);
}

static inline unsigned int fmt_level_number(unsigned int level)
{
	return level;
}

/* Input addresses are sign-extended; the aperture is their lower half. */
static int fmt_setup(struct iopt *pt, const struct iopt_config *config)
{
	unsigned int bits = config->iova_bits ? config->iova_bits : RISCV_IOVA_BITS;

	if (bits != 39 && bits != 48 && bits != 57)
		return -EINVAL;
	pt->iova_bits = bits;
	pt->oa_bits = RISCV_OA_BITS;
	pt->aperture.last = BITS(bits - 2, 0);
	pt->first_top = (bits - FMT_GRANULE_SHIFT) / IOPT_INDEX_BITS - 1;
	return 0;
}

/* One for each level within the width. */
static uint64_t fmt_pgsizes(const struct iopt *pt)
{
	uint64_t sizes = BIT(12) | BIT(21) | BIT(30) | BIT(39) | BIT(48);

	if (pt->features & IOPT_NAPOT)
		sizes |= BIT(RISCV_NAPOT_BITS);
	return sizes & BITS(pt->iova_bits - 2, 0);
}

#include "iopt/walk.h"

const struct iopt_format iopt_riscv = {
	.name = "riscv", .ops = &iopt_riscv_ops, .codes = IOPT_CODES_RISCV};
