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
	uint64_t len;

	if ((entry->flags & ~(uint32_t)IOMMU_VTD_INV_FLAGS_LEAF) || entry->__reserved)
		return refuse(-EOPNOTSUPP,
			      "entry: flags 0x%" PRIx32 " or a reserved member are not known",
			      entry->flags);
	if (!is_aligned(entry->addr, PAGE_SIZE) || (entry->npages == UINT64_MAX && entry->addr))
		return refuse_mistake(
			-EINVAL,
			"entry: addr 0x%" PRIx64
			" is not the address of a page, or not 0 where npages means all",
			(uint64_t)entry->addr);
	match->leaf_only = entry->flags & IOMMU_VTD_INV_FLAGS_LEAF;
	if (entry->npages == UINT64_MAX)
		return 0;
	match->by_range = true;
	match->range.start = entry->addr;
	if (!entry->npages)
		match->range.last = entry->addr;
	else if (__builtin_mul_overflow(entry->npages, PAGE_SIZE, &len) ||
		 check_last(entry->addr, len, &match->range.last))
		match->range.last = UINT64_MAX;
	return 0;
}

static int invalidate_entry(struct hwpt_nested *hwpt, const struct invalidation *invalidation,
			    uint32_t index)
{
	struct tlb_match match = {.domain = hwpt->base.domain};
	struct iommu_hwpt_vtd_s1_invalidate entry;
	int rc;

	if (invalidation->entry_len != sizeof(entry))
		return refuse_mistake(-EINVAL, "entry_len is %" PRIu32 ", and must be %zu",
				      invalidation->entry_len, sizeof(entry));
	rc = invalidation_read(invalidation, index, &entry, sizeof(entry));
	if (rc)
		return rc;
	rc = vtd_match(&entry, &match);
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
	for (uint32_t i = 0; i < invalidation->entries; i++) {
		int rc = invalidate_entry(hwpt, invalidation, i);

		if (rc)
			return rc;
		invalidation->handled++;
	}
	return 0;
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
