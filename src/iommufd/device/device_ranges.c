/* SPDX-License-Identifier: MIT */
/*
 * IOMMU_RESV_IOVA_RANGES and IOMMU_DEV_IOVA_RANGES [EXT-RESV-RANGES], [EXT-DEV-RANGES]: the ranges
 * of IOVA that a bound device reserves, and those that it permits. Nothing is attached or changed.
 * The permitted ranges come from a table that is created like that of an attachment, so that the
 * two cannot differ.
 *
 * Cost: creating and destroying a table.
 */
#include "iommufd/device/device_ranges.h"

#include "base/check.h"
#include "base/last_error.h"

int device_reserved_ranges(const struct iommufd_device *device, struct iova_set *reserved)
{
	size_t count;
	const struct resv_region *regions = iommu_endpoint_reserved(device->endpoint, &count);
	int rc;

	rc = iova_set_reserve(reserved, count);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (regions[i].type == RESV_DIRECT_RELAXABLE)
			continue;
		rc = iova_set_add(reserved, regions[i].range);
		if (rc)
			return rc;
	}
	return 0;
}

/* Takes what @domain cannot translate out of @permitted. */
static int remove_outside(struct iova_set *permitted, const struct iommu_domain *domain)
{
	const struct iova_range aperture = iommu_domain_aperture(domain);
	struct iova_set inside = {.ranges = (struct iova_range *)&aperture, .count = 1};
	const struct iova_range *gaps;
	size_t gap_count;
	int rc;

	gaps = iommu_domain_gaps(domain, &gap_count);
	rc = iova_set_intersect(permitted, &inside, permitted);
	if (rc)
		return rc;
	for (size_t i = 0; i < gap_count; i++) {
		rc = iova_set_remove(permitted, gaps[i]);
		if (rc)
			return rc;
	}
	return 0;
}

int device_permitted_ranges(const struct iommufd_device *device, struct iova_set *permitted,
			    uint64_t *alignment)
{
	struct iommu_domain *domain;
	int rc;

	rc = device_reserved_ranges(device, permitted);
	if (rc)
		return rc;
	rc = iova_set_invert(permitted, permitted);
	if (rc)
		return rc;
	rc = iommu_domain_create(iommu_endpoint_iommu(device->endpoint), 0, NULL, &domain);
	if (rc)
		return rc;
	rc = remove_outside(permitted, domain);
	*alignment = lowest_bit(iommu_domain_pgsizes(domain));
	iommu_domain_destroy(domain);
	return rc;
}

int ioctl_resv_iova_ranges(struct ucmd *ucmd)
{
	struct iommu_resv_iova_ranges *cmd = ucmd->cmd;
	struct iommufd_device *device;
	struct iova_set reserved;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved_member();
	device = device_get(ucmd->ctx, cmd->dev_id);
	if (!device)
		return object_refuse(ucmd->ctx, "dev_id", cmd->dev_id, OBJECT_DEVICE);
	iova_set_init(&reserved);
	rc = device_reserved_ranges(device, &reserved);
	object_put(&device->object);
	if (!rc)
		rc = ucmd_respond_ranges(ucmd, cmd->resv_iovas, &cmd->num_iovas, &reserved);
	iova_set_destroy(&reserved);
	return rc;
}

int ioctl_dev_iova_ranges(struct ucmd *ucmd)
{
	struct iommu_dev_iova_ranges *cmd = ucmd->cmd;
	struct iommufd_device *device;
	struct iova_set permitted;
	uint64_t alignment = 1;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved_member();
	device = device_get(ucmd->ctx, cmd->dev_id);
	if (!device)
		return object_refuse(ucmd->ctx, "dev_id", cmd->dev_id, OBJECT_DEVICE);
	iova_set_init(&permitted);
	rc = device_permitted_ranges(device, &permitted, &alignment);
	object_put(&device->object);
	cmd->out_iova_alignment = alignment;
	if (!rc)
		rc = ucmd_respond_ranges(ucmd, cmd->allowed_iovas, &cmd->num_iovas, &permitted);
	iova_set_destroy(&permitted);
	return rc;
}
