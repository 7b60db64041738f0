/* SPDX-License-Identifier: MIT */
/*
 * VFIO groups: what programs open as /dev/vfio/N [VFIO-GROUP]. A group is used through its own node
 * or through the cdevs of its devices, not both.
 */
#ifndef VFIO_VFIO_GROUP_H
#define VFIO_VFIO_GROUP_H

#include <urcu/list.h>

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

/*
 * Attaches each device of @group, none of which is bound, to the IOAS @ioas_id of @ctx, for as long
 * as the group is in a container with that context; and detaches them. 0, or an error of
 * iommufd_device_bind() or iommufd_device_attach(), in which case none is attached.
 */
int vfio_group_attach(struct vfio_group *group, struct iommufd_ctx *ctx, uint32_t ioas_id);
void vfio_group_detach(struct vfio_group *group);

/*
 * The last of its devices that was bound to vfio-pci is not any more: the group leaves its
 * container and refuses what needs a device. Nothing happens if one is bound. And back.
 */
void vfio_group_revoke(struct vfio_group *group);
void vfio_group_revive(struct vfio_group *group);

/* Its place in the list of a container, whose lock guards it; and the group at such a place. */
struct cds_list_head *vfio_group_link(struct vfio_group *group);
struct vfio_group *vfio_group_at(struct cds_list_head *link);

/* The group of a file from vfio_group_open(), or NULL. */
const struct vfio_group *vfio_group_from_file(const struct uiommufd_file *file);

#endif
