/* SPDX-License-Identifier: MIT */
/*
 * RISC-V Sv39, Sv48 and Sv57 page tables (privileged architecture; spec 70-formats, 5), with
 * Svnapot's 64 KiB pages, which are stored in each of the 16 items they cover.
 *
 * What is mapped may be executed. D is set from the start, so nothing can be tracked.
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

#define RISCV_V	      BIT(0)
#define RISCV_R	      BIT(1)
#define RISCV_W	      BIT(2)
#define RISCV_X	      BIT(3)
#define RISCV_U	      BIT(4)
#define RISCV_A	      BIT(6)
#define RISCV_D	      BIT(7)
#define RISCV_PPN     BITS(53, 10)
#define RISCV_PBMT_IO BIT(62)
#define RISCV_N	      BIT(63)
#define RISCV_NAPOT   BIT(13) /* PPN[3:0] = 8: 16 pages */

enum {
	RISCV_IOVA_BITS = 48,
	RISCV_OA_BITS = 56,
	RISCV_PPN_START = 10,
	RISCV_PPN_SHIFT = 2, /* an address stands in an entry this much lower */
	RISCV_PROT_SHIFT = 1,
	RISCV_NAPOT_BITS = 16,
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

/* Of the memory types only IO is stored. */
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

/* Addresses are always sign extended; only the lower half is handed out. */
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

/* One for each level, as far as the width goes. */
static uint64_t fmt_pgsizes(const struct iopt *pt)
{
	uint64_t sizes = BIT(12) | BIT(21) | BIT(30) | BIT(39) | BIT(48);

	if (pt->features & IOPT_NAPOT)
		sizes |= BIT(RISCV_NAPOT_BITS);
	return sizes & BITS(pt->iova_bits - 2, 0);
}

#include "iopt/walk.h"

const struct iopt_format iopt_riscv = {.name = "riscv", .ops = &iopt_riscv_ops};
