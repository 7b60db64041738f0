/* SPDX-License-Identifier: MIT */
/*
 * VT-d: first-stage tables of a guest (VT-d 5.0, 3.6 and 3.8), and the fault reasons of scalable
 * mode (7.1.3).
 *
 * Requests have user privilege, so SRE and WPE, which concern supervisor requests, have no effect.
 * One table serves all PASIDs that go through the domain.
 */
#include <uiommufd/iommufd.h>

#include "iommu/iommu_internal.h"
#include "iommu/stage1.h"
#include "iopt/x86_64.h"

enum {
	VTD_4_LEVEL_BITS = 48,
	VTD_5_LEVEL_BITS = 57,
};

static unsigned int levels_of(const struct iommu_domain *domain)
{
	return domain->config.vtd.addr_width == VTD_5_LEVEL_BITS ? X86_5_LEVELS : X86_4_LEVELS;
}

/* What the registers announce: 5 levels, but no supervisor requests. */
static bool vtd_possible(const struct iommu_domain *domain)
{
	const uint32_t width = domain->config.vtd.addr_width;

	return (width == VTD_4_LEVEL_BITS || width == VTD_5_LEVEL_BITS) &&
	       !(domain->config.vtd.flags & IOMMU_VTD_S1_SRE);
}

static int vtd_find_context(struct stage1_walk *walk)
{
	const uint32_t width = walk->domain->config.vtd.addr_width;

	if (width != VTD_4_LEVEL_BITS && width != VTD_5_LEVEL_BITS)
		return stage1_fail(walk, STAGE1_BAD_CONFIG);
	if (!x86_canonical(walk->iova, levels_of(walk->domain)))
		return stage1_fail(walk, STAGE1_ADDRESS);
	return 0;
}

static int vtd_walk(struct stage1_walk *walk)
{
	const struct nested_config *config = &walk->domain->config;
	uint64_t accessed = X86_A;

	if (config->vtd.flags & IOMMU_VTD_S1_EAFE)
		accessed |= X86_EA;
	return x86_walk(walk, config->vtd.pgtbl_addr, levels_of(walk->domain), accessed);
}

struct reason {
	uint32_t number;
	const char *name;
};

static struct reason reason_of(const struct stage1_walk *walk, unsigned int levels)
{
	const uint64_t last = walk->domain->variant->aperture.last;
	const bool root = walk->error.level == levels;

	switch (walk->error.failure) {
	case STAGE1_NOT_PRESENT:
		return (struct reason){0x71, "SFS.2"};
	case STAGE1_RESERVED:
		return (struct reason){0x72, "SFS.3"};
	case STAGE1_MEMORY:
		return root ? (struct reason){0x73, "SFS.4"} : (struct reason){0x70, "SFS.1"};
	case STAGE1_UPDATE:
		return (struct reason){0x91, "SFS.10"};
	case STAGE1_ADDRESS:
		return (struct reason){0x80, "SGN.1"};
	case STAGE1_PRIVILEGED:
		return (struct reason){0x81, "SGN.2"};
	case STAGE1_READ_ONLY:
	case STAGE2_WRITE:
		return (struct reason){0x85, "SGN.6"};
	case STAGE1_WRITE_ONLY:
	case STAGE2_READ:
		return (struct reason){0x86, "SGN.7"};
	case STAGE2_NOT_MAPPED:
		return walk->error.ipa > last ? (struct reason){0x84, "SGN.5"}
					      : (struct reason){0x79, "SSS.2"};
	default:
		return (struct reason){0x5b, "SPT.4"};
	}
}

void vtd_describe(const struct stage1_walk *walk, unsigned int levels, struct dma_fault *fault)
{
	const struct reason reason = reason_of(walk, levels);

	fault->reason = reason.number;
	fault->name = reason.name;
}

static void first_stage_describe(const struct stage1_walk *walk, struct dma_fault *fault)
{
	vtd_describe(walk, levels_of(walk->domain), fault);
}

const struct stage1_ops stage1_vtd = {
	.find_context = vtd_find_context,
	.walk = vtd_walk,
	.possible = vtd_possible,
	.describe = first_stage_describe,
	.entries = &iopt_x86_64,
};
