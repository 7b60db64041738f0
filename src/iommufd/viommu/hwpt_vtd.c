/* SPDX-License-Identifier: MIT */
/*
 * VT-d: nested HWPTs from a guest's first-stage table, on a second-stage nesting parent
 * [NESTED-DATA], and their invalidation [HWPT-INVALIDATE].
 */
#include "iommufd/viommu/hwpt_vtd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/last_error.h"
#include "iommu/nested_domain.h"

#include <uiommufd/iommufd.h>

static bool vtd_serves(const struct iommu_kind *kind)
{
	return !strcmp(iommu_kind_name(kind), "intel");
}

/* What @entry invalidates: everything, or npages pages from addr on. */
static int vtd_match(const struct iommu_hwpt_vtd_s1_invalidate *entry, struct tlb_match *match)
{
	if ((entry->flags & ~(uint32_t)IOMMU_VTD_INV_FLAGS_LEAF) || entry->__reserved)
		return refuse(-EOPNOTSUPP,
			      "entry: flags 0x%" PRIx32 " or a reserved member are not known",
			      entry->flags);
	match->leaf_only = entry->flags & IOMMU_VTD_INV_FLAGS_LEAF;
	return invalidation_match_pages(entry->addr, entry->npages, match);
}

static int invalidate_entry(struct hwpt_nested *hwpt, const void *entry)
{
	struct tlb_match match = {.domain = hwpt->base.domain};
	int rc;

	rc = vtd_match(entry, &match);
	if (rc)
		return rc;
	iommu_tlb_invalidate_parent(hwpt->parent->base.domain, &match);
	return 0;
}

static int vtd_invalidate(struct hwpt_nested *hwpt, struct invalidation *invalidation)
{
	if (invalidation->type != IOMMU_HWPT_INVALIDATE_DATA_VTD_S1)
		return refuse_mistake(-EINVAL,
				      "data_type %" PRIu32
				      ", and must be IOMMU_HWPT_INVALIDATE_DATA_VTD_S1",
				      invalidation->type);
	return invalidation_run(hwpt, invalidation, sizeof(struct iommu_hwpt_vtd_s1_invalidate),
				invalidate_entry);
}

static const struct nested_ops vtd_ops = {.invalidate = vtd_invalidate};

static int vtd_alloc(struct hwpt_nested *hwpt, uint32_t flags, const struct user_data *data)
{
	struct nested_config config = {.format = NESTED_VTD};
	struct iommu_hwpt_vtd_s1 vtd;
	int rc;

	if ((flags & ~(uint32_t)IOMMU_HWPT_ALLOC_PASID) || data->type != IOMMU_HWPT_DATA_VTD_S1)
		return refuse(-EOPNOTSUPP,
			      "flags 0x%" PRIx32 ", data_type %" PRIu32
			      ": IOMMU_HWPT_ALLOC_PASID and IOMMU_HWPT_DATA_VTD_S1 are possible",
			      flags, data->type);
	rc = user_data_read(data, IOMMU_HWPT_DATA_VTD_S1, &vtd, sizeof(vtd), sizeof(vtd));
	if (rc)
		return rc;
	config.vtd.flags = vtd.flags;
	config.vtd.pgtbl_addr = vtd.pgtbl_addr;
	config.vtd.addr_width = vtd.addr_width;
	hwpt->nested_ops = &vtd_ops;
	return iommu_nested_create(hwpt->parent->base.domain, &config, &hwpt->base.domain);
}

const struct nested_driver nested_vtd_driver = {.serves = vtd_serves, .alloc = vtd_alloc};
