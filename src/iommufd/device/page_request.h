/* SPDX-License-Identifier: MIT */
/*
 * Page requests of devices: from a device that asks for a page to the queue of the HWPT that it
 * goes through, and the answer back [FAULT-ROUTING].
 */
#ifndef IOMMUFD_PAGE_REQUEST_H
#define IOMMUFD_PAGE_REQUEST_H

#include "iommufd/device/device.h"
#include "iommufd/queue/fault_queue.h"

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
 * With @refuse, page requests of the device that are pending and those to come are answered
 * INVALID, until it is called without: then no DMA of it waits for user space. It must not be
 * called from such DMA.
 */
void iommufd_device_refuse_pages(struct iommufd_device *device, bool refuse);

#endif
