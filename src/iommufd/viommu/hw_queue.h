/* SPDX-License-Identifier: MIT */
/* HW queues: queues of the emulated hardware that live in guest memory. */
#ifndef IOMMUFD_HW_QUEUE_H
#define IOMMUFD_HW_QUEUE_H

#include "iommufd/ioas/access.h"
#include "iommufd/object/ucmd.h"
#include "iommufd/viommu/viommu.h"

struct hw_queue {
	struct iommufd_object object;
	struct viommu *viommu; /* a user of it */
	struct iommufd_access *access;
	uint32_t index;
	uint64_t iova, len; /* of the queue in the parent */
	uint64_t pinned_iova, pinned_len;
	uint64_t bus;		  /* where its memory is */
	struct hw_queue *depends; /* a user of it, or NULL */
};

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_hw_queue_alloc(struct ucmd *ucmd);

#endif
