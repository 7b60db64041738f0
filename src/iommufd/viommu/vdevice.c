/* SPDX-License-Identifier: MIT */
/*
 * vDEVICEs: a device as the VM knows it, by an ID of its own ([VDEVICE-ALLOC]; tombstones:
 * [TOMBSTONE]).
 *
 * group->lock guards device->vdevice and vdevice->device; viommu->lock the list of the vIOMMU.
 */
#include "iommufd/viommu/vdevice.h"

#include <errno.h>

#include "iommufd/device/group.h"
#include "iommufd/viommu/viommu.h"

struct vdevice *viommu_find_vdevice(struct viommu *viommu, uint64_t virt_id)
{
	struct vdevice *vdevice;

	cds_list_for_each_entry (vdevice, &viommu->vdevices, link) {
		if (vdevice->virt_id == virt_id)
			return vdevice;
	}
	return NULL;
}

struct vdevice *viommu_device_vdevice(struct viommu *viommu, const struct iommufd_device *device)
{
	struct vdevice *vdevice;

	cds_list_for_each_entry (vdevice, &viommu->vdevices, link) {
		if (vdevice->device == device)
			return vdevice;
	}
	return NULL;
}

/* Takes it off its device and its vIOMMU. */
static void unlink_vdevice(struct vdevice *vdevice)
{
	struct viommu *viommu = vdevice->viommu;
	struct iommufd_device *device = vdevice->device;

	lock_acquire(&viommu->lock);
	cds_list_del(&vdevice->link);
	lock_release(&viommu->lock);
	device->vdevice = NULL;
	device->bury_vdevice = NULL;
	object_put(&viommu->object);
}

static void free_vdevice(struct vdevice *vdevice)
{
	iommufd_group_destroy(vdevice->group);
	object_free(&vdevice->object);
}

static void vdevice_destroy(struct iommufd_object *object)
{
	struct vdevice *vdevice = (struct vdevice *)object;

	lock_acquire(&vdevice->group->lock);
	/* Its device may be on its way out, and has unlinked it already. */
	if (vdevice->device)
		unlink_vdevice(vdevice);
	lock_release(&vdevice->group->lock);
	free_vdevice(vdevice);
}

static const struct object_class vdevice_class = {
	.type = OBJECT_VDEVICE,
	.size = sizeof(struct vdevice),
	.destroy = vdevice_destroy,
};

/* The device is being unbound: its vDEVICE, if it still has one, becomes a tombstone. */
static void vdevice_bury(struct iommufd_device *device)
{
	struct vdevice *vdevice;
	bool buried = false;

	lock_acquire(&device->group->lock);
	vdevice = device->vdevice;
	if (vdevice) {
		unlink_vdevice(vdevice);
		vdevice->device = NULL;
		/* If it is being destroyed at the same time, that goes on when the lock is free. */
		buried = object_bury(&vdevice->object);
	}
	lock_release(&device->group->lock);
	if (buried)
		free_vdevice(vdevice);
}

/* Caller holds group->lock. */
static int link_vdevice(struct vdevice *vdevice, struct viommu *viommu,
			struct iommufd_device *device)
{
	int rc = 0;

	if (device->unbinding)
		return -ENOENT;
	if (device->vdevice)
		return -EEXIST;
	lock_acquire(&viommu->lock);
	if (viommu_find_vdevice(viommu, vdevice->virt_id))
		rc = -EEXIST;
	else
		cds_list_add_tail(&vdevice->link, &viommu->vdevices);
	lock_release(&viommu->lock);
	if (rc)
		return rc;
	object_hold(&viommu->object);
	vdevice->viommu = viommu;
	vdevice->device = device;
	device->vdevice = vdevice;
	device->bury_vdevice = vdevice_bury;
	return 0;
}

static int alloc_for(struct ucmd *ucmd, struct viommu *viommu, struct iommufd_device *device)
{
	struct iommu_vdevice_alloc *cmd = ucmd->cmd;
	struct vdevice *vdevice;
	int rc;

	if (iommu_endpoint_iommu(device->endpoint) != viommu->iommu)
		return -EINVAL;
	vdevice = object_create(ucmd->ctx, &vdevice_class);
	if (!vdevice)
		return -ENOMEM;
	vdevice->virt_id = cmd->virt_id;
	vdevice->group = group_get(device->group);
	cmd->out_vdevice_id = vdevice->object.id;
	/*
	 * At once: a device that is unbound meanwhile must find no vDEVICE, or a whole one to bury.
	 */
	lock_acquire(&device->group->lock);
	rc = link_vdevice(vdevice, viommu, device);
	if (!rc) {
		rc = ucmd_respond(ucmd);
		if (rc)
			unlink_vdevice(vdevice);
		else
			object_publish(&vdevice->object);
	}
	lock_release(&device->group->lock);
	if (rc) {
		iommufd_group_destroy(vdevice->group);
		object_abort(&vdevice->object);
	}
	return rc;
}

int ioctl_vdevice_alloc(struct ucmd *ucmd)
{
	const struct iommu_vdevice_alloc *cmd = ucmd->cmd;
	struct iommufd_device *device;
	struct viommu *viommu;
	int rc = -ENOENT;

	viommu = viommu_get(ucmd->ctx, cmd->viommu_id);
	if (!viommu)
		return -ENOENT;
	device = device_get(ucmd->ctx, cmd->dev_id);
	if (device) {
		rc = alloc_for(ucmd, viommu, device);
		object_put(&device->object);
	}
	object_put(&viommu->object);
	return rc;
}
