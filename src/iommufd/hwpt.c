/* SPDX-License-Identifier: MIT */
/*
 * Paging HWPTs: one IO page table that mirrors exactly one IOAS. While it is on its IOAS's list it
 * contains every area of it, and everything outside its aperture is reserved there in its name.
 */
#include "iommufd/hwpt.h"
#include "iommufd/fault.h"
#include "iommufd/ucmd.h"

/* Takes it off its IOAS, if it is on. */
static void leave_ioas(struct hwpt *hwpt)
{
	struct ioas *ioas = hwpt->ioas;

	pthread_mutex_lock(&ioas->lock);
	ioas_wait_idle(ioas);
	if (!cds_list_empty(&hwpt->ioas_link)) {
		cds_list_del_init(&hwpt->ioas_link);
		if (--ioas->hwpt_count == 0)
			ioas_unpin_all(ioas);
		ioas_unreserve(ioas, hwpt);
		ioas_update_alignment(ioas);
	}
	pthread_mutex_unlock(&ioas->lock);
}

static void release(struct hwpt *hwpt)
{
	leave_ioas(hwpt);
	hwpt_drop_fault(hwpt);
	iommu_domain_destroy(hwpt->domain);
	object_put(&hwpt->ioas->object);
}

static void hwpt_destroy(struct iommufd_object *object)
{
	release((struct hwpt *)object);
	object_free(object);
}

int hwpt_create(struct ioas *ioas, struct iommu *iommu, unsigned int flags,
		const struct user_data *data, struct hwpt **out)
{
	struct hwpt *hwpt =
		object_create(ioas->object.ctx, sizeof(*hwpt), OBJECT_HWPT, hwpt_destroy);
	int rc;

	if (!hwpt)
		return -ENOMEM;
	rc = iommu_domain_create(iommu, flags, data, &hwpt->domain);
	if (rc) {
		object_abort(&hwpt->object);
		return rc;
	}
	CDS_INIT_LIST_HEAD(&hwpt->ioas_link);
	object_hold(&ioas->object);
	hwpt->ioas = ioas;
	hwpt->pasid = flags & DOMAIN_PASID;
	*out = hwpt;
	return 0;
}

/* Reserves what the hardware cannot translate: outside the aperture, and its gaps. */
static int reserve_outside(struct hwpt *hwpt)
{
	struct iova_range aperture = iommu_domain_aperture(hwpt->domain);
	const struct iova_range *gaps;
	struct iova_range ranges[2];
	size_t count = 0, gap_count;
	int rc;

	if (aperture.start)
		ranges[count++] = (struct iova_range){0, aperture.start - 1};
	if (aperture.last != UINT64_MAX)
		ranges[count++] = (struct iova_range){aperture.last + 1, UINT64_MAX};
	rc = ioas_reserve(hwpt->ioas, ranges, count, hwpt);
	if (rc)
		return rc;
	gaps = iommu_domain_gaps(hwpt->domain, &gap_count);
	rc = ioas_reserve(hwpt->ioas, gaps, gap_count, hwpt);
	if (rc)
		ioas_unreserve(hwpt->ioas, hwpt);
	return rc;
}

/* Caller holds ioas->lock, and nobody pins. */
static int add_locked(struct ioas *ioas, struct hwpt *hwpt)
{
	uint64_t alignment = lowest_bit(iommu_domain_pgsizes(hwpt->domain));
	int rc;

	if (alignment > PAGE_SIZE)
		return -EINVAL;
	rc = ioas_check_alignment(ioas, alignment);
	if (rc)
		return rc;
	rc = reserve_outside(hwpt);
	if (rc)
		return rc;
	if (!ioas->hwpt_count) {
		rc = ioas_pin_all(ioas);
		if (rc)
			goto out_unreserve;
	}
	rc = ioas_fill(ioas, hwpt);
	if (rc)
		goto out_unpin;
	cds_list_add_tail(&hwpt->ioas_link, &ioas->hwpts);
	ioas->hwpt_count++;
	ioas_update_alignment(ioas);
	return 0;

out_unpin:
	if (!ioas->hwpt_count) {
		iommu_domain_quiesce(hwpt->domain);
		ioas_unpin_all(ioas);
	}
out_unreserve:
	ioas_unreserve(ioas, hwpt);
	return rc;
}

int hwpt_add(struct hwpt *hwpt)
{
	struct ioas *ioas = hwpt->ioas;
	int rc;

	pthread_mutex_lock(&ioas->lock);
	ioas_wait_idle(ioas);
	rc = add_locked(ioas, hwpt);
	pthread_mutex_unlock(&ioas->lock);
	return rc;
}

void hwpt_remove(struct hwpt *hwpt)
{
	release(hwpt);
	object_abort(&hwpt->object);
}

void hwpt_drop_fault(struct hwpt *hwpt)
{
	if (hwpt->fault)
		object_put(fault_queue_object(hwpt->fault));
	hwpt->fault = NULL;
}

int hwpt_finish(struct ucmd *ucmd, struct hwpt *hwpt)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	int rc;

	if (cmd->flags & IOMMU_HWPT_FAULT_ID_VALID) {
		hwpt->fault = object_get(ucmd->ctx, cmd->fault_id, OBJECT_FAULT);
		if (!hwpt->fault)
			return -ENOENT;
	}
	cmd->out_hwpt_id = hwpt->object.id;
	rc = ucmd_respond(ucmd);
	if (rc)
		hwpt_drop_fault(hwpt);
	else
		object_publish(&hwpt->object);
	return rc;
}
