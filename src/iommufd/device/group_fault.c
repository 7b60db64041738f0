/* SPDX-License-Identifier: MIT */
/*
 * Faults of a group's devices [FAULT-ROUTING]. group->lock is held from the look-up of the
 * attachment until the fault is queued, so that the attachment does not end in between.
 */
#include "iommufd/device/group_fault.h"

#include "iommu/nested_domain.h"
#include "iommufd/device/group_internal.h"

void group_flush_faults(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt)
{
	lock_assert_held(&device->group->lock);
	if (hwpt->fault)
		fault_queue_flush(hwpt->fault, device, pasid);
}

/*
 * The attachment that takes faults of @device. A PASID without one falls back to the RID's, if the
 * user manages the table of PASIDs there.
 */
static struct attachment *fault_attachment(struct iommufd_device *device, bool with_pasid,
					   uint32_t pasid) REQUIRES(device->group->lock)
{
	struct attachment *attachment;

	lock_assert_held(&device->group->lock);
	attachment = group_find_attachment(device->group, with_pasid ? pasid : NO_PASID);
	if (!attachment && with_pasid) {
		attachment = group_find_attachment(device->group, NO_PASID);
		if (attachment && !iommu_nested_takes_pasids(attachment->hwpt->domain))
			attachment = NULL;
	}
	return group_find_member(attachment, device) ? attachment : NULL;
}

int group_queue_fault(struct iommufd_device *device, bool with_pasid, uint32_t pasid,
		      const struct iommu_hwpt_pgfault *faults, size_t count,
		      struct fault_waiter *waiter)
{
	struct attachment *attachment;
	int rc = -ENOENT;

	lock_acquire(&device->group->lock);
	attachment = fault_attachment(device, with_pasid, pasid);
	if (!attachment || !attachment->hwpt->fault)
		goto out_unlock;
	if (device->refusing) {
		rc = -ECANCELED;
		goto out_unlock;
	}
	rc = fault_queue_add(attachment->hwpt->fault, device, attachment->pasid, faults, count,
			     waiter);
out_unlock:
	lock_release(&device->group->lock);
	return rc;
}

void group_refuse_faults(struct iommufd_device *device, bool refuse)
{
	struct attachment *attachment;

	lock_acquire(&device->group->lock);
	device->refusing = refuse;
	cds_list_for_each_entry (attachment, &device->group->attachments, link) {
		if (refuse && group_find_member(attachment, device))
			group_flush_faults(device, attachment->pasid, attachment->hwpt);
	}
	lock_release(&device->group->lock);
}

static bool report_event_locked(struct iommufd_device *device, const struct dma_fault *fault)
	REQUIRES(device->group->lock)
{
	const struct attachment *rid;
	const struct hwpt *hwpt;

	lock_assert_held(&device->group->lock);
	rid = group_find_attachment(device->group, NO_PASID);
	if (!rid)
		return false;
	hwpt = rid->hwpt;
	if (!hwpt->ops || !hwpt->ops->report_fault)
		return false;
	return hwpt->ops->report_fault(hwpt, device, fault);
}

bool group_report_event(struct iommufd_device *device, const struct dma_fault *fault)
{
	bool told;

	lock_acquire(&device->group->lock);
	told = report_event_locked(device, fault);
	lock_release(&device->group->lock);
	return told;
}
