/* SPDX-License-Identifier: MIT */
/*
 * IO page faults: from a device that asks for a page, by the fault queue of the HWPT that it goes
 * through, to user space and back (spec 30-faults-viommu, 1).
 *
 * Locks: group->lock, then queue->lock. A group of faults belongs to the attachment that it was
 * reported through; when that ends, the group is answered INVALID.
 */
#ifndef IOMMUFD_FAULT_H
#define IOMMUFD_FAULT_H

#include <urcu/list.h>

#include <uiommufd/iommufd.h>

#include "iommu/iommu.h"
#include "iommufd/object.h"

struct fault_queue;

/*
 * Who asked, and is told the answer: @code is enum iommufd_page_response_code. Called once; locks
 * may be held.
 */
struct fault_waiter {
	void (*respond)(struct fault_waiter *waiter, uint32_t code);
};

/*
 * One fault of @device, as the hardware reports it: flags, pasid, grpid, perm and addr of @fault.
 * The one with LAST_PAGE completes its group and has @waiter answered (NULL: nobody waits), at once
 * if nobody is there to ask. 0; -ENOMEM, then nothing was reported.
 */
int device_report_fault(struct iommufd_device *device, const struct iommu_hwpt_pgfault *fault,
			struct fault_waiter *waiter);

/* What became of DMA that found nothing. */
enum page_outcome {
	PAGE_NOBODY,  /* nobody takes page requests of the device */
	PAGE_REFUSED, /* the answer was INVALID */
	PAGE_GRANTED, /* the answer was SUCCESS: try again */
};

/*
 * Requests the page of @fault and waits for the answer. Called outside of any gate, without locks.
 */
enum page_outcome device_request_page(struct iommufd_device *device, const struct dma_fault *fault);

/* Drops the faults of @device that wait for their group's last one: it is being unbound. */
void device_drop_partial_faults(struct iommufd_device *device);

/*
 * Queues a complete group: @count records of @device, which came by @pasid. Caller holds the
 * group's lock.
 */
int fault_queue_add(struct fault_queue *queue, struct iommufd_device *device, uint32_t pasid,
		    const struct iommu_hwpt_pgfault *faults, size_t count,
		    struct fault_waiter *waiter);

/*
 * Answers INVALID to all that @device has in @queue by its attachment for @pasid. Caller holds the
 * group's lock.
 */
void fault_queue_flush(struct fault_queue *queue, struct iommufd_device *device, uint32_t pasid);

/* The queue's object, for users. */
struct iommufd_object *fault_queue_object(struct fault_queue *queue);

#endif
