/* SPDX-License-Identifier: MIT */
/* Arm LPAE stage 2, as SMMUv3 uses it [FORMAT-ARM-S2]. No dirty tracking. */
#define FMT_OPS		  iopt_arm_s2_ops
#define FMT_GRANULE_SHIFT 12
#define FMT_MAX_TOP	  3
#define FMT_GROWS	  false
#define FMT_FIRST_TABLES  true
#define FMT_FEATURES	  0
#define FMT_DIRTY	  false

#include "iopt/arm_lpae_entry.h"

enum {
	ARM_S2_TOP_MAX = 3,
	ARM_S2_TABLES_MAX = 16, /* side by side */
};

static inline unsigned int fmt_leaf_prot(uint64_t entry)
{
	bool device = (entry & ARM_S2_MEMATTR) == ARM_S2_MEMATTR_DEVICE;

	return ((unsigned int)(entry >> ARM_S2AP_SHIFT) & (IOPT_READ | IOPT_WRITE)) |
	       (device ? IOPT_MMIO : 0);
}

static inline int fmt_attributes(const struct iopt *pt, unsigned int prot, uint64_t *attributes)
{
	uint64_t rights = prot & (IOPT_READ | IOPT_WRITE);

	(void)pt;
	if (!rights)
		return -EINVAL;
	*attributes = rights << ARM_S2AP_SHIFT | ARM_AF |
		      (prot & IOPT_MMIO ? ARM_S2_MEMATTR_DEVICE | ARM_SH_OUTER
					: ARM_S2_MEMATTR_CACHED | ARM_SH_INNER);
	return 0;
}

/*
 * Concatenation: where the fourth level would have at most 16 entries, as many tables of the third
 * stand side by side instead.
 */
static int fmt_setup(struct iopt *pt, const struct iopt_config *config)
{
	unsigned int tables;
	int err;

	err = arm_setup(pt, config);
	if (err)
		return err;
	if (pt->first_top != ARM_S2_TOP_MAX || (pt->oa_bits != 40 && pt->oa_bits != 42))
		return 0;
	tables = 1u << (pt->iova_bits - FMT_GRANULE_SHIFT - IOPT_INDEX_BITS * ARM_S2_TOP_MAX);
	if (tables > ARM_S2_TABLES_MAX)
		return 0;
	pt->first_top = ARM_S2_TOP_MAX - 1;
	pt->first_tables = tables;
	return 0;
}

#include "iopt/walk.h"

const struct iopt_format iopt_arm_s2 = {
	.name = "arm-s2", .ops = &iopt_arm_s2_ops, .codes = IOPT_CODES_ARM_S2};
