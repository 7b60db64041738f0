/* SPDX-License-Identifier: MIT */
/* IOMMU_GET_HW_INFO [HW-INFO]: what the IOMMU of a device and its PASIDs can do. */
#include "iommufd/device/device_info.h"

#include <inttypes.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "iommufd/device/device.h"

/* Copies as much of the information as fits, and clears the rest of the caller's buffer. */
static int write_info(struct ucmd *ucmd, const struct iommu_hw_info *cmd, const void *info,
		      size_t len)
{
	static const char zeros[4096];
	struct uiommufd_caller *caller = ucmd->caller;
	uint64_t at = cmd->data_uptr;
	uint64_t left = cmd->data_len;
	size_t part = min_u64(len, left);

	if (part && caller_write(caller, at, info, part))
		return refuse_memory("data_uptr", cmd->data_uptr, cmd->data_len);
	for (at += part, left -= part; left; at += part, left -= part) {
		part = min_u64(left, sizeof(zeros));
		if (caller_write(caller, at, zeros, part))
			return refuse_memory("data_uptr", cmd->data_uptr, cmd->data_len);
	}
	return 0;
}

static int hw_info(struct ucmd *ucmd, struct iommu_hw_info *cmd, struct iommufd_device *device)
{
	const uint32_t wanted = cmd->flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE ? cmd->in_data_type : 0;
	const uint32_t max_pasids = iommu_endpoint_max_pasids(device->endpoint);
	uint8_t info[HW_INFO_MAX];
	uint32_t type;
	size_t len;
	int rc;

	rc = iommu_endpoint_hw_info(device->endpoint, wanted, &type, info, &len);
	if (rc)
		return refuse(rc,
			      "in_data_type %" PRIu32
			      ": the IOMMU does not describe itself by that type",
			      wanted);
	rc = write_info(ucmd, cmd, info, len);
	if (rc)
		return rc;
	cmd->data_len = (uint32_t)len;
	cmd->out_data_type = type;
	cmd->out_max_pasid_log2 = max_pasids ? (uint8_t)log2_floor(max_pasids) : 0;
	cmd->out_capabilities = iommu_endpoint_capabilities(device->endpoint);
	return ucmd_respond(ucmd);
}

int ioctl_get_hw_info(struct ucmd *ucmd)
{
	struct iommu_hw_info *cmd = ucmd->cmd;
	struct iommufd_device *device;
	int rc;

	if (cmd->flags & ~(uint32_t)IOMMU_HW_INFO_FLAG_INPUT_TYPE)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags,
				    IOMMU_HW_INFO_FLAG_INPUT_TYPE);
	if (cmd->__reserved[0] || cmd->__reserved[1] || cmd->__reserved[2])
		return refuse_reserved_member();
	device = device_get(ucmd->ctx, cmd->dev_id);
	if (!device)
		return object_refuse(ucmd->ctx, "dev_id", cmd->dev_id, OBJECT_DEVICE);
	rc = hw_info(ucmd, cmd, device);
	object_put(&device->object);
	return rc;
}
