/* SPDX-License-Identifier: MIT */
/* Faults of a group's devices: to the fault queue or the guest that their attachment leads to. */
#ifndef IOMMUFD_GROUP_FAULT_H
#define IOMMUFD_GROUP_FAULT_H

#include "iommufd/device/group.h"
#include "iommufd/queue/fault_queue.h"

/*
 * Queues a complete group of faults, of requests with (@with_pasid) or without a PASID, in the
 * fault queue of the device's attachment. -ENOENT: there is no such attachment, or it has no fault
 * queue; -ECANCELED: the device's requests are refused; -ENOMEM.
 */
int group_queue_fault(struct iommufd_device *device, bool with_pasid, uint32_t pasid,
		      const struct iommu_hwpt_pgfault *faults, size_t count,
		      struct fault_waiter *waiter);

/* See iommufd_device_refuse_pages(). */
void group_refuse_faults(struct iommufd_device *device, bool refuse);

/*
 * Reports a stage-1 fault to the guest, if the RID is attached to a nested HWPT whose vIOMMU has a
 * queue for it. False: not reported.
 */
bool group_report_event(struct iommufd_device *device, const struct dma_fault *fault);

#endif
