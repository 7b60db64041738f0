/* SPDX-License-Identifier: MIT */
/*
 * Software nesting [EXT-SOFT-NESTING]: nested HWPTs from a table of any format, on a paging HWPT of
 * any kind or on a vIOMMU, and their invalidation. The hardware takes no part, so a vIOMMU's rules
 * for its own tables (vDEVICEs, vEVENTQs) do not apply: what fails goes to the HWPT's fault queue
 * or to the log.
 */
#include "iommufd/viommu/hwpt_soft.h"

#include <errno.h>
#include <inttypes.h>

#include "base/last_error.h"
#include "iommu/nested_domain.h"
#include "iommufd/device/group.h"
#include "iommufd/viommu/viommu.h"

#include <uiommufd/iommufd.h>

static int invalidate_entry(struct hwpt_nested *hwpt, const void *data)
{
	const struct iommu_hwpt_soft_s1_invalidate *entry = data;
	struct tlb_match match = {.domain = hwpt->base.domain};
	int rc;

	rc = invalidation_match_pages(entry->iova, entry->npages, &match);
	if (rc)
		return rc;
	iommu_tlb_invalidate_parent(hwpt->parent->base.domain, &match);
	return 0;
}

static int soft_invalidate(struct hwpt_nested *hwpt, struct invalidation *invalidation)
{
	if (invalidation->type != IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1)
		return refuse_mistake(-EINVAL,
				      "data_type %" PRIu32
				      ", and must be IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1",
				      invalidation->type);
	return invalidation_run(hwpt, invalidation, sizeof(struct iommu_hwpt_soft_s1_invalidate),
				invalidate_entry);
}

static const struct nested_ops soft_ops = {.invalidate = soft_invalidate};

/* A vIOMMU is of one IOMMU. */
static int check_attach(const struct hwpt *hwpt, struct iommufd_device *device, uint32_t pasid)
	REQUIRES(device->group->lock)
{
	const struct viommu *viommu = ((const struct hwpt_nested *)hwpt)->viommu;

	(void)pasid;
	lock_assert_held(&device->group->lock);
	if (viommu && iommu_endpoint_iommu(device->endpoint) != viommu->iommu)
		return refuse_mistake(-EINVAL, "the vIOMMU of HWPT %" PRIu32 " is on %s",
				      hwpt->object.id, iommu_name(viommu->iommu));
	return 0;
}

static const struct hwpt_ops soft_hwpt_ops = {.check_attach = check_attach};

static int read_config(const struct user_data *data, struct nested_config *config)
{
	struct iommu_hwpt_soft_s1 soft;
	int rc;

	rc = user_data_read(data, IOMMU_HWPT_DATA_SOFT_S1, &soft, sizeof(soft), sizeof(soft));
	if (rc)
		return rc;
	if (soft.flags & ~(uint32_t)IOMMU_SOFT_S1_MARK)
		return refuse_flags(-EOPNOTSUPP, "the table's flags", soft.flags,
				    IOMMU_SOFT_S1_MARK);
	if (soft.__reserved)
		return refuse_reserved_member();
	rc = nested_soft_config(soft.format, soft.root, soft.addr_width,
				soft.flags & IOMMU_SOFT_S1_MARK, config);
	if (rc == -EOPNOTSUPP)
		return refuse(rc, "format %" PRIu32 " is not known", soft.format);
	if (rc)
		return refuse_mistake(rc,
				      "format %" PRIu32 " has no tables with root 0x%" PRIx64
				      " and addr_width %" PRIu32,
				      soft.format, (uint64_t)soft.root, soft.addr_width);
	return 0;
}

int nested_soft_alloc(struct hwpt_nested *hwpt, uint32_t flags, const struct user_data *data)
{
	struct iommu_domain *parent = hwpt->parent->base.domain;
	struct nested_config config;
	int rc;

	if ((flags & IOMMU_HWPT_ALLOC_PASID) && !iommu_has_pasids(iommu_domain_iommu(parent)))
		return refuse(-EOPNOTSUPP, "flags: %s has no PASIDs",
			      iommu_name(iommu_domain_iommu(parent)));
	rc = read_config(data, &config);
	if (rc)
		return rc;
	hwpt->base.ops = &soft_hwpt_ops;
	hwpt->nested_ops = &soft_ops;
	return iommu_nested_create(parent, &config, &hwpt->base.domain);
}
