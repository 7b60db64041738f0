/* SPDX-License-Identifier: MIT */
/*
 * Fault queues: IO page faults on their way from a device, through the fault queue of its HWPT, to
 * user space, and the answers on their way back [FAULT-QUEUE].
 *
 * A group of faults belongs to the attachment that it was reported through. When the attachment
 * ends, the group is answered INVALID.
 */
#ifndef IOMMUFD_FAULT_H
#define IOMMUFD_FAULT_H

#include <urcu/list.h>

#include <uiommufd/iommufd.h>

#include "iommufd/queue/event_queue.h"

struct fault_queue;
struct iommufd_device;

/*
 * Waits for the answer to a group. respond() is called once, possibly with locks held; @code is an
 * enum iommufd_page_response_code.
 */
struct fault_waiter {
	void (*respond)(struct fault_waiter *waiter, uint32_t code);
};

/*
 * Queues a complete group: @count records of @device, reported through its attachment for @pasid.
 * Borrows @waiter (or NULL) until it has been called. 0 or -ENOMEM.
 *
 * Context: the caller holds the lock of the device's IOMMU group, so that the attachment does not
 * end meanwhile.
 */
int fault_queue_add(struct fault_queue *queue, struct iommufd_device *device, uint32_t pasid,
		    const struct iommu_hwpt_pgfault *faults, size_t count,
		    struct fault_waiter *waiter);

/*
 * Answers INVALID to every group of @device in @queue that was reported through its attachment for
 * @pasid. Context: as fault_queue_add().
 */
void fault_queue_flush(struct fault_queue *queue, struct iommufd_device *device, uint32_t pasid);

/*
 * Whether this process has a fault queue. As long as it has none, no DMA waits for the answer to a
 * page request.
 */
bool fault_queues_any(void);

/* Finds a fault queue by its ID and takes a user; NULL: none. */
static inline struct fault_queue *fault_queue_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct fault_queue *)object_get(ctx, id, OBJECT_FAULT);
}

/* The object of @queue, for its users. */
struct iommufd_object *fault_queue_object(struct fault_queue *queue);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_fault_alloc(struct ucmd *ucmd);

#endif
