/* SPDX-License-Identifier: MIT */
/*
 * IOMMU_RESV_IOVA_RANGES and IOMMU_DEV_IOVA_RANGES [EXT-RESV-RANGES], [EXT-DEV-RANGES]: the ranges
 * of IOVA that a bound device reserves, and those that it permits. Nothing is attached or changed.
 * The permitted ranges are those of a table that is created like that of an attachment, so that the
 * two cannot differ.
 *
 * Cost: linear in the ranges; and creating and destroying a table if the IOMMU never had one.
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

/* Takes what @reach leaves out of @permitted. */
static int remove_outside(struct iova_set *permitted, const struct domain_reach *reach)
{
	struct iova_set inside = {.ranges = (struct iova_range *)&reach->aperture, .count = 1};
	int rc;

	rc = iova_set_intersect(permitted, &inside, permitted);
	for (size_t i = 0; !rc && i < reach->gap_count; i++)
		rc = iova_set_remove(permitted, reach->gaps[i]);
	return rc;
}

int device_permitted_ranges(const struct iommufd_device *device, struct iova_set *permitted,
			    uint64_t *alignment)
{
	struct domain_reach reach;
	int rc;

	rc = device_reserved_ranges(device, permitted);
	if (rc)
		return rc;
	rc = iova_set_invert(permitted, permitted);
	if (rc)
		return rc;
	rc = iommu_reach(iommu_endpoint_iommu(device->endpoint), &reach);
	if (rc)
		return rc;
	*alignment = lowest_bit(reach.pgsizes);
	return remove_outside(permitted, &reach);
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
