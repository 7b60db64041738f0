/* SPDX-License-Identifier: MIT */
/*
 * Dirty tracking of a HWPT [DIRTY]. The state is in the entries of its table; the bitmap for the
 * user is built from the dirty leaves of a range.
 *
 * ioas->lock keeps the areas and the table as they are during a walk. Cost: a walk of the range.
 */
#include "iommufd/device/dirty.h"

#include <inttypes.h>

#include "base/last_error.h"
#include "iommufd/device/hwpt.h"
#include "iommufd/device/user_bitmap.h"
#include "iommufd/ioas/area.h"

/* How far areas cover a range from its start without a gap. */
struct cover {
	uint64_t next;
	bool any;
};

static int cover_visit(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	struct cover *cover = arg;

	if (area->busy || entry->range.start > cover->next)
		return 1;
	cover->any = true;
	cover->next = entry->range.last + 1;
	return cover->next == 0;
}

/* Cuts *@range to the part that areas cover from its start without a gap. False: none. */
static bool covered_part(struct ioas *ioas, struct iova_range *range) REQUIRES(ioas->lock)
{
	struct cover cover = {.next = range->start};

	lock_assert_held(&ioas->lock);
	(void)iova_map_for_each(&ioas->areas, *range, cover_visit, &cover);
	range->last = min_u64(range->last, cover.next - 1);
	return cover.any;
}

static void ignore_dirty(struct iova_range dirty, void *arg)
{
	(void)dirty;
	(void)arg;
}

static void set_dirty_tracking(struct hwpt_paging *hwpt, bool on)
{
	struct ioas *ioas = hwpt->base.ioas;

	lock_acquire(&ioas->lock);
	if (on)
		iopt_read_dirty(iommu_domain_table(hwpt->base.domain),
				iommu_domain_aperture(hwpt->base.domain), true, ignore_dirty, NULL);
	iommu_domain_set_dirty_tracking(hwpt->base.domain, on);
	/* DMA in flight may not have seen the switch. */
	iommu_domain_quiesce(hwpt->base.domain);
	lock_release(&ioas->lock);
}

static bool tracks_dirty(const struct hwpt_paging *hwpt)
{
	return iommu_domain_flags(hwpt->base.domain) & DOMAIN_DIRTY;
}

static int refuse_no_tracking(uint32_t hwpt_id)
{
	return refuse(-EOPNOTSUPP,
		      "hwpt_id %" PRIu32
		      " has no dirty tracking: create it with IOMMU_HWPT_ALLOC_DIRTY_TRACKING",
		      hwpt_id);
}

int ioctl_hwpt_set_dirty_tracking(struct ucmd *ucmd)
{
	const struct iommu_hwpt_set_dirty_tracking *cmd = ucmd->cmd;
	struct hwpt_paging *hwpt;
	int rc = 0;

	if (cmd->flags & ~(uint32_t)IOMMU_HWPT_DIRTY_TRACKING_ENABLE)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags,
				    IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	hwpt = hwpt_paging_get(ucmd->ctx, cmd->hwpt_id);
	if (!hwpt)
		return object_refuse(ucmd->ctx, "hwpt_id", cmd->hwpt_id, OBJECT_HWPT);
	if (!tracks_dirty(hwpt)) {
		rc = refuse_no_tracking(cmd->hwpt_id);
		goto out_put;
	}
	set_dirty_tracking(hwpt, cmd->flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
out_put:
	object_put(&hwpt->base.object);
	return rc;
}

/* The checks of [DIRTY-BITMAP.3..8]. *@last becomes the last byte of the range. */
static int check_bitmap(const struct iommu_hwpt_get_dirty_bitmap *cmd, struct hwpt_paging *hwpt,
			uint64_t *last)
{
	const uint64_t edges = cmd->iova | (cmd->iova + cmd->length);
	struct ioas *ioas = hwpt->base.ioas;
	uint64_t alignment;

	if (!cmd->length)
		return refuse(-EINVAL, "length is 0: there is nothing to read");
	if (check_last(cmd->iova, cmd->length, last))
		return refuse_mistake(-EOVERFLOW, "iova and length wrap around");
	lock_acquire(&ioas->lock);
	alignment = ioas->alignment;
	lock_release(&ioas->lock);
	if (!is_aligned(edges, alignment))
		return refuse_mistake(-EINVAL,
				      "iova or its end is not a multiple of 0x%" PRIx64
				      ", the alignment of the IOAS",
				      alignment);
	if (!cmd->page_size || (edges & (cmd->page_size - 1)))
		return refuse_mistake(-EINVAL,
				      "iova or its end is not a multiple of page_size 0x%" PRIx64,
				      (uint64_t)cmd->page_size);
	return tracks_dirty(hwpt) ? 0 : refuse_no_tracking(cmd->hwpt_id);
}

static int get_dirty_bitmap(struct ucmd *ucmd, const struct iommu_hwpt_get_dirty_bitmap *cmd,
			    struct hwpt_paging *hwpt)
{
	const bool clear = !(cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR);
	struct iova_range range = {.start = cmd->iova};
	struct ioas *ioas = hwpt->base.ioas;
	struct user_bitmap bitmap;
	int rc;

	rc = check_bitmap(cmd, hwpt, &range.last);
	if (rc)
		return rc;
	user_bitmap_init(&bitmap, ucmd->caller, cmd->data, cmd->iova,
			 log2_floor(lowest_bit(cmd->page_size)));
	lock_acquire(&ioas->lock);
	if (covered_part(ioas, &range))
		iopt_read_dirty(iommu_domain_table(hwpt->base.domain), range, clear,
				user_bitmap_report, &bitmap);
	/* DMA in flight may still write to pages whose dirty bit was just cleared. */
	if (clear)
		iommu_domain_quiesce(hwpt->base.domain);
	lock_release(&ioas->lock);
	user_bitmap_flush(&bitmap);
	return 0;
}

int ioctl_hwpt_get_dirty_bitmap(struct ucmd *ucmd)
{
	const struct iommu_hwpt_get_dirty_bitmap *cmd = ucmd->cmd;
	struct hwpt_paging *hwpt;
	int rc;

	if (cmd->flags & ~(uint32_t)IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags,
				    IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR);
	if (cmd->__reserved)
		return refuse_reserved_member();
	hwpt = hwpt_paging_get(ucmd->ctx, cmd->hwpt_id);
	if (!hwpt)
		return object_refuse(ucmd->ctx, "hwpt_id", cmd->hwpt_id, OBJECT_HWPT);
	rc = get_dirty_bitmap(ucmd, cmd, hwpt);
	object_put(&hwpt->base.object);
	return rc;
}
