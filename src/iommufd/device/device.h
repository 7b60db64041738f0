/* SPDX-License-Identifier: MIT */
/* Devices that are bound to a context. */
#ifndef IOMMUFD_DEVICE_H
#define IOMMUFD_DEVICE_H

#include <pthread.h>
#include <urcu/list.h>

#include "iommufd/object/object.h"

struct vdevice;

struct iommufd_device {
	struct iommufd_object object;
	struct iommufd_group *group;
	struct iommu_endpoint *endpoint;
	bool weak;			     /* does not keep the context's file */
	pthread_mutex_t fault_lock;	     /* guards what follows; a leaf */
	struct cds_list_head partial_faults; /* that wait for the last one of their group */
	uint32_t next_grpid;		     /* of page requests; atomic */
	bool unbinding;			     /* under group->lock: gets no vDEVICE any more */
	bool refusing;			     /* under group->lock: page requests get INVALID */
	struct vdevice *vdevice;	     /* NULL: none; under group->lock */
};

#endif
