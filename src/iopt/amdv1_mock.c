/* SPDX-License-Identifier: MIT */
/*
 * The tables of the mock IOMMU [MOCK-HWPT], [FORMAT-AMDV1-MOCK]: AMD's with a granule of 2 KiB, 38
 * bits wide and always of three levels.
 */
#define FMT_OPS		  iopt_amdv1_mock_ops
#define FMT_GRANULE_SHIFT 11
#define FMT_MAX_TOP	  2
#define FMT_GROWS	  false
#define FMT_FIRST_TABLES  false
#define FMT_FEATURES	  IOPT_DIRTY
#define FMT_DIRTY	  true

#include <errno.h>

#include "iopt/amdv1_entry.h"

enum {
	MOCK_IOVA_BITS = 38,
	MOCK_OA_BITS = 51, /* one less than with 4 KiB: the field is as wide */
};

static int fmt_setup(struct iopt *pt, const struct iopt_config *config)
{
	if (config->iova_bits && config->iova_bits != MOCK_IOVA_BITS)
		return -EINVAL;
	pt->iova_bits = MOCK_IOVA_BITS;
	pt->oa_bits = MOCK_OA_BITS;
	pt->aperture.last = BITS(MOCK_IOVA_BITS - 1, 0);
	pt->first_top = AMDV1_FIRST_TOP;
	return 0;
}

static uint64_t fmt_pgsizes(const struct iopt *pt)
{
	return amdv1_pgsizes(pt->iova_bits, pt->oa_bits);
}

#include "iopt/walk.h"

const struct iopt_format iopt_amdv1_mock = {
	.name = "amdv1-mock", .ops = &iopt_amdv1_mock_ops, .codes = IOPT_CODES_NONE};
