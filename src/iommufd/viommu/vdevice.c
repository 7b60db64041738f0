/* SPDX-License-Identifier: MIT */
/*
 * vDEVICEs: a device as a VM knows it, under the VM's own ID [VDEVICE-ALLOC]. When its
 * device is unbound, a vDEVICE becomes a tombstone [TOMBSTONE].
 *
 * Invariants:
 * - device->vdevice and vdevice->device point at each other, or both are NULL;
 * - a vDEVICE on the list of its vIOMMU has a device, and one that has a device is on the list;
 * - no two vDEVICEs of a vIOMMU have the same ID.
 *
 * group->lock guards device->vdevice, viommu->lock the list; vdevice->device is written with both
 * held, so that either is enough to read it.
 *
 * Cost: look-ups walk the list of the vIOMMU.
 */
#include "iommufd/viommu/vdevice.h"

#include <errno.h>
#include <inttypes.h>

#include "base/last_error.h"
#include "iommufd/device/group.h"
#include "iommufd/viommu/viommu.h"

struct vdevice *vdevice_find(struct viommu *viommu, uint64_t virt_id)
{
	struct vdevice *vdevice;

	lock_assert_held(&viommu->lock);
	cds_list_for_each_entry (vdevice, &viommu->vdevices, link) {
		assert(vdevice->device);
		if (vdevice->virt_id == virt_id)
			return vdevice;
	}
	return NULL;
}

/* Takes @vdevice off its device and its vIOMMU. */
static void unlink_vdevice(struct vdevice *vdevice) REQUIRES(vdevice->group->lock)
{
	struct viommu *viommu = vdevice->viommu;
	struct iommufd_device *device = vdevice->device;

	lock_assert_held(&vdevice->group->lock);
	assert(device->vdevice == vdevice);
	lock_acquire(&viommu->lock);
	assert(vdevice_find(viommu, vdevice->virt_id) == vdevice);
	cds_list_del(&vdevice->link);
	vdevice->device = NULL;
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
	/* A device that is being unbound may have unlinked it already. */
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

/* @device is being unbound: its vDEVICE, if it still has one, becomes a tombstone. */
static void vdevice_bury(struct iommufd_device *device)
{
	struct vdevice *vdevice;
	bool buried = false;

	lock_acquire(&device->group->lock);
	vdevice = device->vdevice;
	if (vdevice) {
		/* The same lock: vdevice->group is device->group. */
		lock_assert_held(&vdevice->group->lock);
		unlink_vdevice(vdevice);
		/* False: a concurrent vdevice_destroy() waits for group->lock, and frees it. */
		buried = object_bury(&vdevice->object);
	}
	lock_release(&device->group->lock);
	if (buried)
		free_vdevice(vdevice);
}

/* Puts @vdevice, of @device, on the list of @viommu. -EEXIST: its ID is taken. */
static int join_viommu(struct vdevice *vdevice, struct viommu *viommu,
		       struct iommufd_device *device) REQUIRES(device->group->lock)
{
	bool taken;

	lock_assert_held(&device->group->lock);
	lock_acquire(&viommu->lock);
	taken = vdevice_find(viommu, vdevice->virt_id);
	if (!taken) {
		/* The device first: a look-up finds the vDEVICE as soon as the lock is free. */
		vdevice->device = device;
		cds_list_add_tail(&vdevice->link, &viommu->vdevices);
	}
	lock_release(&viommu->lock);
	return taken ? refuse_mistake(-EEXIST, "virt_id 0x%" PRIx64 " is another vDEVICE's already",
				      vdevice->virt_id)
		     : 0;
}

/* Puts @vdevice on @device and @viommu; it then holds a user of @viommu. */
static int link_vdevice(struct vdevice *vdevice, struct viommu *viommu,
			struct iommufd_device *device) REQUIRES(device->group->lock)
{
	int rc;

	lock_assert_held(&device->group->lock);
	if (device->unbinding)
		return refuse(-ENOENT, "the device is being unbound");
	if (device->vdevice)
		return refuse_mistake(-EEXIST, "the device has a vDEVICE already");
	rc = join_viommu(vdevice, viommu, device);
	if (rc)
		return rc;
	object_hold(&viommu->object);
	vdevice->viommu = viommu;
	device->vdevice = vdevice;
	device->bury_vdevice = vdevice_bury;
	return 0;
}

/*
 * Links and publishes @vdevice. In one critical section: an unbind of @device finds no vDEVICE, or
 * a published one that it can bury.
 */
static int publish(struct ucmd *ucmd, struct vdevice *vdevice, struct viommu *viommu,
		   struct iommufd_device *device)
{
	struct iommufd_group *group = vdevice->group;
	int rc;

	assert(device->group == group);
	lock_acquire(&group->lock);
	lock_assert_held(&device->group->lock);
	lock_assert_held(&vdevice->group->lock);
	rc = link_vdevice(vdevice, viommu, device);
	if (rc)
		goto out_release;
	rc = ucmd_respond(ucmd);
	if (rc) {
		unlink_vdevice(vdevice);
		goto out_release;
	}
	object_publish(&vdevice->object);
out_release:
	lock_release(&group->lock);
	return rc;
}

static int alloc_for(struct ucmd *ucmd, struct viommu *viommu, struct iommufd_device *device)
{
	struct iommu_vdevice_alloc *cmd = ucmd->cmd;
	struct vdevice *vdevice;
	int rc;

	if (iommu_endpoint_iommu(device->endpoint) != viommu->iommu)
		return refuse_mistake(-EINVAL, "the device is behind %s, and the vIOMMU on %s",
				      iommu_name(iommu_endpoint_iommu(device->endpoint)),
				      iommu_name(viommu->iommu));
	vdevice = object_create(ucmd->ctx, &vdevice_class);
	if (!vdevice)
		return -ENOMEM;
	vdevice->virt_id = cmd->virt_id;
	vdevice->group = group_get(device->group);
	cmd->out_vdevice_id = vdevice->object.id;
	rc = publish(ucmd, vdevice, viommu, device);
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
	int rc;

	viommu = viommu_get(ucmd->ctx, cmd->viommu_id);
	if (!viommu)
		return object_refuse(ucmd->ctx, "viommu_id", cmd->viommu_id, OBJECT_VIOMMU);
	device = device_get(ucmd->ctx, cmd->dev_id);
	if (!device) {
		rc = object_refuse(ucmd->ctx, "dev_id", cmd->dev_id, OBJECT_DEVICE);
		goto out_viommu;
	}
	rc = alloc_for(ucmd, viommu, device);
	object_put(&device->object);
out_viommu:
	object_put(&viommu->object);
	return rc;
}
