/* SPDX-License-Identifier: MIT */
/*
 * AMD IOMMU host page tables as the hardware has them: 64-bit addresses
 * [FORMAT-AMDV1]. The top starts at level 2
 * and grows when more is mapped.
 */
#define FMT_OPS		  iopt_amdv1_ops
#define FMT_GRANULE_SHIFT 12
#define FMT_MAX_TOP	  5
#define FMT_GROWS	  true
#define FMT_FIRST_TABLES  false
#define FMT_FEATURES	  (IOPT_FORCE_COHERENT | IOPT_DIRTY)
#define FMT_DIRTY	  true

#include <errno.h>

#include "iopt/amdv1_entry.h"

enum {
	AMDV1_IOVA_BITS_MIN = 32,
	AMDV1_IOVA_BITS = 64,
	AMDV1_OA_BITS = 52,
	AMDV1_SIZE_UNUSED = 39, /* 512 GiB */
};

static int fmt_setup(struct iopt *pt, const struct iopt_config *config)
{
	unsigned int bits = config->iova_bits ? config->iova_bits : AMDV1_IOVA_BITS;

	if (bits < AMDV1_IOVA_BITS_MIN || bits > AMDV1_IOVA_BITS)
		return -EINVAL;
	pt->iova_bits = bits;
	pt->oa_bits = AMDV1_OA_BITS;
	pt->aperture.last = BITS(bits - 1, 0);
	pt->first_top = AMDV1_FIRST_TOP;
	return 0;
}

static uint64_t fmt_pgsizes(const struct iopt *pt)
{
	return amdv1_pgsizes(pt->iova_bits, pt->oa_bits) & ~BIT(AMDV1_SIZE_UNUSED);
}

#include "iopt/walk.h"

const struct iopt_format iopt_amdv1 = {
	.name = "amdv1", .ops = &iopt_amdv1_ops, .codes = IOPT_CODES_AMDV1};
