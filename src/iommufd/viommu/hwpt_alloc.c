/* SPDX-License-Identifier: MIT */
/*
 * IOMMU_HWPT_ALLOC [HWPT-ALLOC]: a page table for a device. The object that the command names
 * decides its kind: paging on an IOAS, nested on a nesting parent or a vIOMMU.
 */
#include "iommufd/viommu/hwpt_alloc.h"

#include "base/last_error.h"
#include "iommu/user_data.h"
#include "iommufd/device/device.h"
#include "iommufd/device/hwpt.h"
#include "iommufd/viommu/hwpt_nested.h"

enum {
	HWPT_FLAGS = IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
		     IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID,
};

static unsigned int domain_flags(uint32_t flags)
{
	unsigned int wanted = 0;

	if (flags & IOMMU_HWPT_ALLOC_NEST_PARENT)
		wanted |= DOMAIN_NEST_PARENT;
	if (flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
		wanted |= DOMAIN_DIRTY;
	if (flags & IOMMU_HWPT_ALLOC_PASID)
		wanted |= DOMAIN_PASID;
	return wanted;
}

/* -EOPNOTSUPP: a paging HWPT for @device cannot have the flags of @cmd. */
static int check_paging(const struct iommu_hwpt_alloc *cmd, const struct iommufd_device *device)
{
	const bool dirty = cmd->flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING;

	if (cmd->flags & ~HWPT_FLAGS)
		return refuse(-EOPNOTSUPP, "flags 0x%x are unknown",
			      cmd->flags & ~(unsigned int)HWPT_FLAGS);
	if (dirty && !(iommu_endpoint_capabilities(device->endpoint) & IOMMU_HW_CAP_DIRTY_TRACKING))
		return refuse(-EOPNOTSUPP, "the device or its IOMMU has no dirty tracking "
					   "(out_capabilities of IOMMU_GET_HW_INFO)");
	if ((cmd->flags & IOMMU_HWPT_FAULT_ID_VALID) && (cmd->flags & IOMMU_HWPT_ALLOC_NEST_PARENT))
		return refuse(-EOPNOTSUPP, "a nest parent has no fault queue: give it to the "
					   "nested HWPT");
	return 0;
}

static int alloc_paging(struct ucmd *ucmd, struct iommu_hwpt_alloc *cmd,
			struct iommufd_device *device, struct ioas *ioas)
{
	const struct user_data data = {
		.type = cmd->data_type,
		.len = cmd->data_len,
		.uptr = cmd->data_uptr,
		.caller = ucmd->caller,
	};
	struct hwpt_paging *hwpt;
	int rc;

	rc = check_paging(cmd, device);
	if (rc)
		return rc;
	rc = hwpt_create(ioas, iommu_endpoint_iommu(device->endpoint), domain_flags(cmd->flags),
			 cmd->data_len ? &data : NULL, &hwpt);
	if (rc)
		return rc;
	last_error_about(iommu_endpoint_name(device->endpoint));
	rc = hwpt_add(hwpt);
	last_error_about(NULL);
	if (rc)
		goto out_remove;
	rc = hwpt_finish(ucmd, &hwpt->base);
	if (rc)
		goto out_remove;
	return 0;

out_remove:
	hwpt_remove(hwpt);
	return rc;
}

static int alloc_on(struct ucmd *ucmd, struct iommu_hwpt_alloc *cmd, struct iommufd_device *device)
{
	struct iommufd_object *target = object_get(ucmd->ctx, cmd->pt_id, OBJECT_ANY);
	int rc;

	if (!target)
		return refuse_mistake(-EINVAL, "pt_id %u: there is no object with this ID",
				      cmd->pt_id);
	switch (object_type(target)) {
	case OBJECT_IOAS:
		rc = alloc_paging(ucmd, cmd, device, (struct ioas *)target);
		break;
	case OBJECT_HWPT:
		rc = nested_alloc_on_parent(ucmd, device, (struct hwpt_paging *)target);
		break;
	case OBJECT_VIOMMU:
		rc = nested_alloc_on_viommu(ucmd, device, (struct viommu *)target);
		break;
	default:
		rc = refuse_mistake(-EINVAL, "pt_id %u is neither an IOAS nor a HWPT nor a vIOMMU",
				    cmd->pt_id);
		break;
	}
	object_put(target);
	return rc;
}

int ioctl_hwpt_alloc(struct ucmd *ucmd)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct iommufd_device *device;
	int rc;

	if (cmd->__reserved)
		return refuse(-EOPNOTSUPP, "__reserved is not 0");
	if ((cmd->data_type == IOMMU_HWPT_DATA_NONE) != (cmd->data_len == 0))
		return refuse_mistake(-EINVAL,
				      "data_type %u and data_len %u: only type 0 has no data",
				      cmd->data_type, cmd->data_len);
	device = device_get(ucmd->ctx, cmd->dev_id);
	if (!device)
		return refuse_mistake(-ENOENT,
				      "dev_id %u: no device has this ID (out_devid of "
				      "VFIO_DEVICE_BIND_IOMMUFD)",
				      cmd->dev_id);
	rc = alloc_on(ucmd, cmd, device);
	object_put(&device->object);
	if (rc)
		(void)refuse_unless_said(rc,
					 "the device's IOMMU has no page table for flags 0x%x and "
					 "data_type %u",
					 cmd->flags, cmd->data_type);
	return rc;
}
