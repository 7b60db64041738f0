/* SPDX-License-Identifier: MIT */
/*
 * IO page faults: from a device that asks for a page, by the fault queue of the HWPT that it goes
 * through, to user space and back [FAULT-QUEUE].
 *
 * Locks: group->lock, then queue->lock. A group of faults belongs to the attachment that it was
 * reported through; when that ends, the group is answered INVALID.
 */
#ifndef IOMMUFD_FAULT_H
#define IOMMUFD_FAULT_H

#include <urcu/list.h>

#include <uiommufd/iommufd.h>

#include "iommufd/queue/event_queue.h"

struct fault_queue;
struct iommufd_device;

/*
 * Who asked, and is told the answer: @code is enum iommufd_page_response_code. Called once; locks
 * may be held.
 */
struct fault_waiter {
	void (*respond)(struct fault_waiter *waiter, uint32_t code);
};

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

/* Finds a fault queue by its ID and takes a user; NULL: none such. */
static inline struct fault_queue *fault_queue_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct fault_queue *)object_get(ctx, id, OBJECT_FAULT);
}

/* The queue's object, for users. */
struct iommufd_object *fault_queue_object(struct fault_queue *queue);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_fault_alloc(struct ucmd *ucmd);

#endif
