/* SPDX-License-Identifier: MIT */
/* vDEVICEs: a device as a VM knows it, under the VM's own ID. */
#ifndef IOMMUFD_VDEVICE_H
#define IOMMUFD_VDEVICE_H

#include "iommufd/object/ucmd.h"
#include "iommufd/viommu/viommu.h"

struct vdevice {
	struct iommufd_object object;
	struct viommu *viommu;	     /* holds a user of it while @device is set */
	struct iommufd_group *group; /* of the device; holds a reference */
	/*
	 * Borrowed; NULL before it is linked, and once the device is unbound. Written with
	 * group->lock and viommu->lock held, read with one of them.
	 */
	struct iommufd_device *device;
	struct cds_list_head link; /* of viommu->vdevices, while @device is set */
	uint64_t virt_id;
};

/*
 * The vDEVICE of @viommu with @virt_id, without a user; NULL: none. Its device is bound as long as
 * the lock is held.
 */
struct vdevice *vdevice_find(struct viommu *viommu, uint64_t virt_id) REQUIRES(viommu->lock);

/* Handler of the table in iommufd/entry/dispatch.c. */
int ioctl_vdevice_alloc(struct ucmd *ucmd);

#endif
