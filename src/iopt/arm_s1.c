/* SPDX-License-Identifier: MIT */
/*
 * Arm LPAE stage 1, as SMMUv3 uses it [FORMAT-ARM-S1].
 *
 * A writable page under dirty tracking has DBM, and AP[2] ("read-only") as long as it is clean: the
 * first write clears AP[2]. A new writable page is dirty.
 */
#define FMT_OPS		  iopt_arm_s1_ops
#define FMT_GRANULE_SHIFT 12
#define FMT_MAX_TOP	  3
#define FMT_GROWS	  false
#define FMT_FIRST_TABLES  false
#define FMT_FEATURES	  IOPT_DIRTY
#define FMT_DIRTY	  true

#include "iopt/arm_lpae_entry.h"

/*
 * Every leaf can be read. Of the two memory types in use, only device has the bit
 * ARM_S1_ATTR_DEVICE.
 */
static inline unsigned int fmt_leaf_prot(uint64_t entry)
{
	bool writable = entry & ARM_S1_DBM || !(entry & ARM_S1_AP_READONLY);
	bool device = entry & ARM_S1_ATTR_DEVICE;

	return IOPT_READ | (writable ? IOPT_WRITE : 0) | (device ? IOPT_MMIO : 0);
}

static inline int fmt_attributes(const struct iopt *pt, unsigned int prot, uint64_t *attributes)
{
	uint64_t access = ARM_S1_AP_READONLY;

	if (!(prot & (IOPT_READ | IOPT_WRITE)))
		return -EINVAL;
	if (prot & IOPT_WRITE)
		access = pt->features & IOPT_DIRTY ? ARM_S1_DBM : 0;
	*attributes = access | ARM_S1_AP_USER | ARM_S1_NG | ARM_AF |
		      (prot & IOPT_MMIO ? ARM_S1_ATTR_DEVICE | ARM_SH_OUTER
					: ARM_S1_ATTR_CACHED | ARM_SH_INNER);
	return 0;
}

static inline bool fmt_is_dirty(uint64_t entry)
{
	return (entry & (ARM_S1_DBM | ARM_S1_AP_READONLY)) == ARM_S1_DBM;
}

/* Only a page with DBM has a dirty state. */
static inline uint64_t fmt_dirty(uint64_t entry)
{
	return entry & ARM_S1_DBM ? entry & ~ARM_S1_AP_READONLY : entry;
}

static inline uint64_t fmt_clean(uint64_t entry)
{
	return entry & ARM_S1_DBM ? entry | ARM_S1_AP_READONLY : entry;
}

static int fmt_setup(struct iopt *pt, const struct iopt_config *config)
{
	return arm_setup(pt, config);
}

#include "iopt/walk.h"

const struct iopt_format iopt_arm_s1 = {
	.name = "arm-s1", .ops = &iopt_arm_s1_ops, .codes = IOPT_CODES_ARM_S1};
