/* SPDX-License-Identifier: MIT */
/*
 * Page requests of devices: their way to the fault queue of the device's HWPT, and the answer's way
 * back [FAULT-ROUTING].
 */
#ifndef IOMMUFD_PAGE_REQUEST_H
#define IOMMUFD_PAGE_REQUEST_H

#include "iommufd/device/device.h"
#include "iommufd/queue/fault_queue.h"

/*
 * Reports one fault of @device, as hardware does: flags, pasid, grpid, perm and addr of @fault. The
 * fault with LAST_PAGE completes its group, whose answer goes to @waiter (NULL: it is dropped): at
 * once and INVALID if no queue takes the group. Borrows @waiter until it is answered. 0; -ENOMEM:
 * nothing was reported.
 */
int device_report_fault(struct iommufd_device *device, const struct iommu_hwpt_pgfault *fault,
			struct fault_waiter *waiter);

/* The outcome of a page request. */
enum page_outcome {
	PAGE_NOT_ASKED, /* no queue takes page requests of the device */
	PAGE_REFUSED,	/* the answer was INVALID */
	PAGE_GRANTED,	/* the answer was SUCCESS: try again */
};

/*
 * Requests the page of @fault and waits for the answer, which takes as long as the program likes.
 * Context: outside of any gate, without locks.
 */
enum page_outcome device_request_page(struct iommufd_device *device, const struct dma_fault *fault);

/* Drops the faults of @device whose group is not complete: the device is being unbound. */
void device_drop_partial_faults(struct iommufd_device *device);

/*
 * With @refuse, answers INVALID to the pending page requests of @device and to those that come
 * until it is called without @refuse: meanwhile no DMA of the device waits for user space. Must not
 * be called by a thread that does such DMA.
 */
void iommufd_device_refuse_pages(struct iommufd_device *device, bool refuse);

#endif
