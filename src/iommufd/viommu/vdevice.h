/* SPDX-License-Identifier: MIT */
/* vDEVICEs: a device as the VM knows it, by an ID of its own. */
#ifndef IOMMUFD_VDEVICE_H
#define IOMMUFD_VDEVICE_H

#include "iommufd/object/ucmd.h"
#include "iommufd/viommu/viommu.h"

struct vdevice {
	struct iommufd_object object;
	struct viommu *viommu;	       /* a user of it */
	struct iommufd_group *group;   /* the device's, a reference: its lock guards the next */
	struct iommufd_device *device; /* not a user of it; NULL once that is unbound */
	struct cds_list_head link;     /* of viommu->vdevices */
	uint64_t virt_id;
};

/* The vDEVICE with @virt_id, or of @device; NULL: none. Caller holds viommu->lock. */
struct vdevice *viommu_find_vdevice(struct viommu *viommu, uint64_t virt_id);
struct vdevice *viommu_device_vdevice(struct viommu *viommu, const struct iommufd_device *device);

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_vdevice_alloc(struct ucmd *ucmd);

#endif
