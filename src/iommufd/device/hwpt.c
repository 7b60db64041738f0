/* SPDX-License-Identifier: MIT */
/*
 * Paging HWPTs: an IO page table that mirrors one IOAS.
 *
 * Invariants, while ioas->lock is held:
 * - a HWPT that is on the list of its IOAS maps every area of it (ioas_check() tests it);
 * - exactly while it is on the list, the IOVAs that it cannot translate are reserved in its name;
 * - HWPTs join and leave the list only while no MAP or COPY pins.
 *
 * Cost: joining and leaving are linear in the areas of the IOAS and their pages.
 */
#include "iommufd/device/hwpt.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/last_error.h"
#include "iommufd/ioas/area.h"
#include "iommufd/ioas/refusal.h"
#include "iommufd/object/ucmd.h"
#include "iommufd/queue/fault_queue.h"

/* Takes @hwpt off the list of its IOAS, if it is there. */
static void leave_ioas(struct hwpt_paging *hwpt)
{
	struct ioas *ioas = hwpt->base.ioas;

	lock_acquire(&ioas->lock);
	ioas_wait_idle(ioas);
	if (cds_list_empty(&hwpt->table.link))
		goto out_unlock;
	assert(ioas->table_count && !ioas->pinning);
	cds_list_del_init(&hwpt->table.link);
	if (--ioas->table_count == 0)
		ioas_unpin_all(ioas);
	ioas_unreserve(ioas, &hwpt->base.object);
	ioas_update_alignment(ioas);
out_unlock:
	lock_release(&ioas->lock);
}

static void release(struct hwpt_paging *hwpt)
{
	leave_ioas(hwpt);
	hwpt_drop_fault(&hwpt->base);
	iommu_domain_destroy(hwpt->base.domain);
	object_put(&hwpt->base.ioas->object);
}

static void hwpt_destroy(struct iommufd_object *object)
{
	release((struct hwpt_paging *)object);
	object_free(object);
}

/* @range is reserved because the hardware cannot translate it. */
static void explain_reserved(const struct iommufd_object *object, struct iova_range range,
			     char *text, size_t size)
{
	const struct hwpt_paging *hwpt = (const struct hwpt_paging *)object;
	const struct iova_range aperture = iommu_domain_aperture(hwpt->base.domain);
	const bool inside = iova_range_contains(aperture, range);
	char r[RANGE_TEXT_SIZE], a[RANGE_TEXT_SIZE];

	snprintf(text, size, "%s is %s%s of IOMMU %s", range_text(range, r),
		 inside ? "a hole in the aperture " : "outside of the aperture ",
		 range_text(aperture, a), iommu_name(iommu_domain_iommu(hwpt->base.domain)));
}

static const struct object_class hwpt_class = {
	.type = OBJECT_HWPT,
	.size = sizeof(struct hwpt_paging),
	.destroy = hwpt_destroy,
	.explain_reserved = explain_reserved,
};

int hwpt_create(struct ioas *ioas, struct iommu *iommu, unsigned int flags,
		const struct user_data *data, struct hwpt_paging **out)
{
	struct hwpt_paging *hwpt = object_create(ioas->object.ctx, &hwpt_class);
	int rc;

	if (!hwpt)
		return -ENOMEM;
	rc = iommu_domain_create(iommu, flags, data, &hwpt->base.domain);
	if (rc) {
		object_abort(&hwpt->base.object);
		return rc;
	}
	hwpt->table.domain = hwpt->base.domain;
	CDS_INIT_LIST_HEAD(&hwpt->table.link);
	object_hold(&ioas->object);
	hwpt->base.ioas = ioas;
	hwpt->base.pasid = flags & DOMAIN_PASID;
	*out = hwpt;
	return 0;
}

/* Reserves what the hardware cannot translate: outside of the aperture, and its gaps. */
static int reserve_outside(struct ioas *ioas, const struct hwpt_paging *hwpt) REQUIRES(ioas->lock)
{
	struct iova_range aperture = iommu_domain_aperture(hwpt->base.domain);
	const struct iova_range *gaps;
	struct iova_range ranges[2];
	size_t count = 0, gap_count;
	int rc;

	lock_assert_held(&ioas->lock);
	if (aperture.start)
		ranges[count++] = (struct iova_range){0, aperture.start - 1};
	if (aperture.last != UINT64_MAX)
		ranges[count++] = (struct iova_range){aperture.last + 1, UINT64_MAX};
	rc = ioas_reserve(ioas, ranges, count, &hwpt->base.object);
	if (rc)
		return rc;
	gaps = iommu_domain_gaps(hwpt->base.domain, &gap_count);
	rc = ioas_reserve(ioas, gaps, gap_count, &hwpt->base.object);
	if (rc)
		ioas_unreserve(ioas, &hwpt->base.object);
	return rc;
}

static int add_locked(struct ioas *ioas, struct hwpt_paging *hwpt) REQUIRES(ioas->lock)
{
	uint64_t alignment = lowest_bit(iommu_domain_pgsizes(hwpt->base.domain));
	int rc;

	lock_assert_held(&ioas->lock);
	assert(!ioas->pinning && cds_list_empty(&hwpt->table.link));
	if (alignment > PAGE_SIZE)
		return refuse(-EINVAL,
			      "the IOMMU's pages have 0x%" PRIx64
			      " bytes at least, which is more than a page of memory",
			      alignment);
	rc = ioas_check_alignment(ioas, alignment);
	if (rc)
		return rc;
	rc = reserve_outside(ioas, hwpt);
	if (rc)
		return rc;
	if (!ioas->table_count) {
		rc = ioas_pin_all(ioas);
		if (rc)
			goto out_unreserve;
	}
	rc = ioas_fill(ioas, &hwpt->table);
	if (rc)
		goto out_unpin;
	cds_list_add_tail(&hwpt->table.link, &ioas->tables);
	ioas->table_count++;
	ioas_update_alignment(ioas);
	return 0;

out_unpin:
	if (!ioas->table_count) {
		iommu_domain_quiesce(hwpt->base.domain);
		ioas_unpin_all(ioas);
	}
out_unreserve:
	ioas_unreserve(ioas, &hwpt->base.object);
	return rc;
}

int hwpt_add(struct hwpt_paging *hwpt)
{
	struct ioas *ioas = hwpt->base.ioas;
	int rc;

	lock_acquire(&ioas->lock);
	ioas_wait_idle(ioas);
	rc = add_locked(ioas, hwpt);
	lock_release(&ioas->lock);
	return rc;
}

void hwpt_remove(struct hwpt_paging *hwpt)
{
	release(hwpt);
	object_abort(&hwpt->base.object);
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
		hwpt->fault = fault_queue_get(ucmd->ctx, cmd->fault_id);
		if (!hwpt->fault)
			return object_refuse(ucmd->ctx, "fault_id", cmd->fault_id, OBJECT_FAULT);
	}
	cmd->out_hwpt_id = hwpt->object.id;
	rc = ucmd_respond(ucmd);
	if (rc)
		hwpt_drop_fault(hwpt);
	else
		object_publish(&hwpt->object);
	return rc;
}
