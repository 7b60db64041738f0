/* SPDX-License-Identifier: MIT */
/* Attachments of a group's devices to HWPTs. Choosing the HWPT is device.c's business. */
#ifndef IOMMUFD_GROUP_H
#define IOMMUFD_GROUP_H

#include "base/lock.h"
#include "iommufd/device/device.h"
#include "iommufd/device/hwpt.h"
#include "iommufd/queue/fault_queue.h"

struct iommufd_group {
	unsigned int number;
	struct ref refs;
	struct lock lock;	   /* guards what follows */
	struct iommufd_ctx *owner; /* of the bound devices' DMA; NULL while none is bound */
	unsigned int bound;
	struct cds_list_head attachments;
};

/* An IOMMU group: devices that share one attachment per PASID. Lives longer than its devices. 0 or
 * -ENOMEM. */
int iommufd_group_create(unsigned int number, struct iommufd_group **group);
void iommufd_group_destroy(struct iommufd_group *group);
unsigned int iommufd_group_number(const struct iommufd_group *group);

/* The context that its bound devices' DMA belongs to, for comparison; NULL: none is bound. */
const struct iommufd_ctx *iommufd_group_owner(struct iommufd_group *group);

/* For who may need its lock after its devices are gone; put is iommufd_group_destroy(). */
struct iommufd_group *group_get(struct iommufd_group *group);

/*
 * One more device of the group is bound to @ctx. -EPERM: the others are bound to another context.
 */
int group_claim(struct iommufd_group *group, struct iommufd_ctx *ctx);
void group_release(struct iommufd_group *group);

/*
 * Attaches @device for @pasid to @hwpt, which gets one more user. Errors: [ATTACH.3..6].
 */
int group_attach(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt);

/*
 * Detaches, and returns the HWPT, which still has the user: drop it with object_put(). NULL: was
 * not attached.
 */
struct hwpt *group_detach(struct iommufd_device *device, uint32_t pasid);

/*
 * Moves all devices that are attached for @pasid to @hwpt. *@old is the HWPT that they left, NULL
 * if it is the same one; the caller drops *@lost users of it. Errors: [REPLACE.2..6].
 */
int group_replace(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt,
		  struct hwpt **old, unsigned int *lost);

/*
 * Queues a complete group of faults, of requests with (@with_pasid) or without a PASID, where the
 * device's attachment for it says. -ENOENT: there is no such attachment, or nobody takes its
 * faults; -ECANCELED: the device's are refused; -ENOMEM.
 */
int group_queue_fault(struct iommufd_device *device, bool with_pasid, uint32_t pasid,
		      const struct iommu_hwpt_pgfault *faults, size_t count,
		      struct fault_waiter *waiter);

/* See iommufd_device_refuse_pages(). */
void group_refuse_faults(struct iommufd_device *device, bool refuse);

/*
 * Tells the guest of a stage-1 fault, if the device's RID is on a nested HWPT of a vIOMMU that
 * listens. False: not told.
 */
bool group_report_event(struct iommufd_device *device, const struct dma_fault *fault);

/* True if any PASID is attached. Caller holds the group's lock. */
bool group_has_pasids(const struct iommufd_group *group);

bool group_attached(struct iommufd_device *device, uint32_t pasid);

/* True if it is attached for @pasid to just @hwpt. */
bool group_attached_to(struct iommufd_device *device, uint32_t pasid, const struct hwpt *hwpt);

/* The HWPT that the RID of @device is attached to, without a user; NULL: not attached. */
const struct hwpt *group_find_rid_hwpt(const struct iommufd_device *device)
	REQUIRES(device->group->lock);

/* Calls @visit for the RID and each PASID for which @device is attached, with group->lock held. */
void group_for_each_attachment(struct iommufd_device *device,
			       void (*visit)(uint32_t pasid, const struct hwpt *hwpt, void *arg),
			       void *arg);

/* Some PASID (or the RID) for which @device is attached; false: none. */
bool group_any_pasid(struct iommufd_device *device, uint32_t *pasid);

#endif
