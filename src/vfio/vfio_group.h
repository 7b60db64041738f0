/* SPDX-License-Identifier: MIT */
/*
 * VFIO groups: what programs reach through /dev/vfio/N. A group is in use by its own node or by the
 * cdevs of its devices, not both (spec 40-vfio, 2.1 and 3).
 */
#ifndef VFIO_VFIO_GROUP_H
#define VFIO_VFIO_GROUP_H

#include "vfio/vfio.h"

struct vfio_group;

/* Adds @device to the group that goes with its IOMMU group. 0 or -ENOMEM. */
int vfio_group_join(struct vfio_device *device);
void vfio_group_leave(struct vfio_device *device);

/*
 * A cdev of the group is about to be bound, and is not any more. -EBUSY: the group's node is open.
 */
int vfio_group_claim_cdev(struct vfio_group *group);
void vfio_group_release_cdev(struct vfio_group *group);

/* The group of a file that vfio_group_open() made, or NULL. */
const struct vfio_group *vfio_group_from_file(const struct uiommufd_file *file);

#endif
