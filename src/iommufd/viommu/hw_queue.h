/* SPDX-License-Identifier: MIT */
/* HW queues: queues in guest memory that the emulated hardware reads by itself. */
#ifndef IOMMUFD_HW_QUEUE_H
#define IOMMUFD_HW_QUEUE_H

#include "iommufd/ioas/access.h"
#include "iommufd/object/ucmd.h"
#include "iommufd/viommu/viommu.h"

struct hw_queue {
	struct iommufd_object object;
	struct viommu *viommu; /* holds a user of it */
	struct iommufd_access *access;
	uint32_t index;			  /* in viommu->hw_queues */
	uint64_t iova, len;		  /* in the parent's IOAS */
	uint64_t pinned_iova, pinned_len; /* the same, in whole pages */
	uint64_t bus;			  /* bus address of its first byte */
	struct hw_queue *depends;	  /* NULL, or a queue that it needs; holds a user of it */
};

/* Handler of the table in iommufd/entry/dispatch.c. */
int ioctl_hw_queue_alloc(struct ucmd *ucmd);

#endif
