/* SPDX-License-Identifier: MIT */
/*
 * Containers: what programs open as /dev/vfio/vfio when VFIO itself provides it, with the type1
 * driver [TYPE1-CONTAINER]. (The container that iommufd provides is a context: iommufd/compat/.)
 */
#ifndef VFIO_CONTAINER_H
#define VFIO_CONTAINER_H

#include <stdbool.h>

#include "vfio/vfio_group.h"

struct vfio_container;

/* The container of a file from vfio_container_open(), borrowed; NULL: another file. */
struct vfio_container *vfio_container_from_file(struct uiommufd_file *file);

/*
 * Adds @group, which is in no container; the caller keeps a reference of the container's file until
 * vfio_container_remove(). If the driver is set the group is attached to it. 0 or [TYPE1-ATTACH].
 *
 * Context: group->use_lock is held, here and below.
 */
int vfio_container_add(struct vfio_container *container, struct vfio_group *group);

/*
 * Removes @group, no device of which is open. With the last group the driver and all mappings go.
 */
void vfio_container_remove(struct vfio_container *container, struct vfio_group *group);

/* Whether the driver is set. It stays so as long as a group of the caller is in the container. */
bool vfio_container_has_driver(struct vfio_container *container);

#endif
