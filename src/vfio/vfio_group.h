/* SPDX-License-Identifier: MIT */
/*
 * VFIO groups: what programs open as /dev/vfio/N [VFIO-GROUP]. A group is used through its own node
 * or through the cdevs of its devices, not both.
 */
#ifndef VFIO_VFIO_GROUP_H
#define VFIO_VFIO_GROUP_H

#include "vfio/vfio.h"

struct vfio_group;

/* Adds @device to the VFIO group of its IOMMU group. 0 or -ENOMEM. */
int vfio_group_join(struct vfio_device *device);
void vfio_group_leave(struct vfio_device *device);

/*
 * Keeps the group's node from being opened while a cdev of the group is bound. 0, or -EBUSY: the
 * node is open.
 */
int vfio_group_claim_cdev(struct vfio_group *group);
void vfio_group_release_cdev(struct vfio_group *group);

/* The group of a file from vfio_group_open(), or NULL. */
const struct vfio_group *vfio_group_from_file(const struct uiommufd_file *file);

#endif
