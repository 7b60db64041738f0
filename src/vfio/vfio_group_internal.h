/* SPDX-License-Identifier: MIT */
/* A group, as the files that make up vfio_group.h see it. */
#ifndef VFIO_VFIO_GROUP_INTERNAL_H
#define VFIO_VFIO_GROUP_INTERNAL_H

#include "vfio/vfio_internal.h"

struct vfio_group {
	struct iommufd_group *iommufd; /* borrowed: outlives the devices */
	struct cds_list_head link;     /* in the registry, whose lock guards @devices */
	struct cds_list_head devices;  /* struct vfio_device.group_link */
	char path[32];
	struct file_ops file_ops; /* of the node: group_ops with @path as name */

	struct lock lock;   /* guards what follows */
	bool open;	    /* the node */
	unsigned int cdevs; /* claims: cdevs that are bound, or being bound */

	struct lock use_lock;		     /* guards what follows */
	bool revoked;			     /* none of its devices is bound any more */
	struct uiommufd_file *container;     /* a reference, or NULL: none is set */
	unsigned int open_devices;	     /* with files from the group */
	struct cds_list_head container_link; /* in the container, whose lock guards it */
};

/* A device of @group that is bound and that @is_it with @name, borrowed: it outlives all files. */
struct vfio_device *vfio_group_find_device(struct vfio_group *group,
					   bool (*is_it)(const struct vfio_device *device,
							 const char *name),
					   const char *name);

/* VFIO_GROUP_GET_DEVICE_FD of @group's @file. */
long vfio_group_get_device_fd(struct vfio_group *group, struct uiommufd_file *file,
			      struct uiommufd_caller *caller, uint64_t arg);

#endif
