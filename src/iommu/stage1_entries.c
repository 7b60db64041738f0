/* SPDX-License-Identifier: MIT */
/*
 * Entries of formats that are a guest's stage 1 by software nesting only [EXT-SOFT-NESTING]: AMD v1
 * and VT-d second stage, which hardware has for the host's tables, and RISC-V. What these
 * specifications call reserved is refused.
 */
#include <limits.h>

#include "base/check.h"
#include "iommu/stage1.h"
#include "iopt/amdv1.h"
#include "iopt/riscv.h"
#include "iopt/vtdss.h"

enum {
	LARGEST_LEAF_LEVEL = 2, /* VT-d: 1 GiB */
	ONLY_TABLES_LEVEL = 5,	/* AMD: the uppermost of 64 bits */
};

/* Accessed bits, which the formats of iopt/ do not use. */
#define AMDV1_A BIT(5)
#define VTDSS_A BIT(8)

#define RISCV_RWX	BITS(3, 1)
#define RISCV_RESERVED	BITS(60, 54)
#define RISCV_PBMT	BITS(62, 61)
#define RISCV_NAPOT_PPN BITS(13, 10)

static struct radix_entry refused(enum radix_type type)
{
	return (struct radix_entry){.type = type};
}

/* ---- AMD v1 [FORMAT-AMDV1] ---- */

/* log2 of the size of a leaf with next level 7: the lowest zero of the address is half of it. */
static unsigned int amdv1_encoded_bits(uint64_t entry)
{
	const uint64_t zeros = ~entry & AMDV1_OA;

	return zeros ? (unsigned int)__builtin_ctzll(zeros) + 1 : UINT_MAX;
}

static struct radix_entry amdv1_decode(uint64_t entry, unsigned int level)
{
	const unsigned int next = (unsigned int)bits_get(entry, AMDV1_NEXT_LEVEL);
	struct radix_entry is = {
		.address = entry & AMDV1_OA,
		.rights = (unsigned int)(entry >> AMDV1_PROT_SHIFT) & (IOPT_READ | IOPT_WRITE),
		.type = RADIX_LEAF,
		.shift = radix_shift(level),
	};

	if (!(entry & AMDV1_PR))
		return refused(RADIX_ABSENT);
	if (level && next && next <= level) {
		is.type = RADIX_TABLE;
		is.below = next - 1;
		return is;
	}
	if (next && next != AMDV1_LEVEL_ENCODED)
		return refused(RADIX_RESERVED);
	if (next)
		is.shift = amdv1_encoded_bits(entry);
	if (level >= ONLY_TABLES_LEVEL || is.shift < radix_shift(level) ||
	    is.shift > radix_shift(level + 1))
		return refused(RADIX_RESERVED);
	return is;
}

const struct radix_format radix_amdv1 = {
	.lowest = 1,
	.decode = amdv1_decode,
	.accessed = AMDV1_A,
	.dirty = AMDV1_D,
};

/* ---- VT-d second stage [FORMAT-VTD] ---- */

static struct radix_entry vtdss_decode(uint64_t entry, unsigned int level)
{
	struct radix_entry is = {
		.address = entry & VTDSS_OA,
		.rights = (unsigned int)(entry & (VTDSS_R | VTDSS_W)),
		.type = !level || (entry & VTDSS_PS) ? RADIX_LEAF : RADIX_TABLE,
		.below = level - 1,
		.shift = radix_shift(level),
	};

	if (!is.rights)
		return refused(RADIX_ABSENT);
	if (is.type == RADIX_LEAF &&
	    (level > LARGEST_LEAF_LEVEL || (is.address & (BIT(is.shift) - 1))))
		return refused(RADIX_RESERVED);
	return is;
}

const struct radix_format radix_vtdss = {
	.lowest = 1,
	.decode = vtdss_decode,
	.accessed = VTDSS_A,
	.dirty = VTDSS_D,
	.tables_accessed = true,
};

/* ---- RISC-V [FORMAT-RISCV] ---- */

static struct radix_entry riscv_leaf(uint64_t entry, unsigned int level)
{
	const bool napot = entry & RISCV_N;
	struct radix_entry is = {
		.type = RADIX_LEAF,
		.address = (entry & RISCV_PPN) << RISCV_PPN_SHIFT,
		.rights = (unsigned int)(entry >> RISCV_PROT_SHIFT) & (IOPT_READ | IOPT_WRITE),
		.privileged = !(entry & RISCV_U),
		.shift = napot ? RISCV_NAPOT_BITS : radix_shift(level),
	};

	if ((entry & RISCV_W) && !(entry & RISCV_R))
		return refused(RADIX_RESERVED);
	if ((entry & RISCV_PBMT) == RISCV_PBMT)
		return refused(RADIX_RESERVED);
	if (napot ? level || (entry & RISCV_NAPOT_PPN) != RISCV_NAPOT
		  : is.address & (BIT(is.shift) - 1))
		return refused(RADIX_RESERVED);
	return is;
}

static struct radix_entry riscv_decode(uint64_t entry, unsigned int level)
{
	if (!(entry & RISCV_V))
		return refused(RADIX_ABSENT);
	if (entry & RISCV_RESERVED)
		return refused(RADIX_RESERVED);
	if (entry & RISCV_RWX)
		return riscv_leaf(entry, level);
	if (!level || (entry & (RISCV_U | RISCV_A | RISCV_D | RISCV_PBMT | RISCV_N)))
		return refused(RADIX_RESERVED);
	return (struct radix_entry){
		.type = RADIX_TABLE,
		.address = (entry & RISCV_PPN) << RISCV_PPN_SHIFT,
		.rights = IOPT_READ | IOPT_WRITE,
		.below = level - 1,
	};
}

const struct radix_format radix_riscv = {
	.decode = riscv_decode,
	.accessed = RISCV_A,
	.dirty = RISCV_D,
	.clear_faults = true,
};
