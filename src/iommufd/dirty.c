/* SPDX-License-Identifier: MIT */
/*
 * Dirty tracking of a HWPT (spec 20-hwpt-device, 9). The state is in the table's own entries; a bitmap for the user is made of the
 * dirty leaves of a range.
 *
 * The bitmap may be huge and mostly clean: a window of it is gathered here and merged into the caller's memory only when
 * something in it is set.
 */
#include <string.h>

#include "iommufd/hwpt.h"
#include "iommufd/ucmd.h"

/* The part of the caller's bitmap that is being gathered. */
struct bitmap {
	struct uiommufd_caller *caller;
	uint64_t uaddr;
	uint64_t iova;	    /* of bit 0 */
	unsigned int shift; /* log2 of the bytes per bit */
	uint64_t window;    /* index of the window's first byte */
	uint64_t low, high; /* bytes [low, high) of the window have bits */
	uint8_t bits[1024];
};

/* ORs the window into the caller's bitmap; memory that cannot be reached loses its bits. */
static void bitmap_flush(struct bitmap *bitmap)
{
	uint8_t merged[sizeof(bitmap->bits)];
	const uint64_t count = bitmap->high - bitmap->low;
	const uint64_t uaddr = bitmap->uaddr + bitmap->window + bitmap->low;

	if (bitmap->high <= bitmap->low)
		return;
	if (!bitmap->caller->ops->read(bitmap->caller, merged, uaddr, count)) {
		for (uint64_t i = 0; i < count; i++)
			merged[i] |= bitmap->bits[bitmap->low + i];
		(void)bitmap->caller->ops->write(bitmap->caller, uaddr, merged, count);
	}
	memset(bitmap->bits + bitmap->low, 0, count);
	bitmap->low = sizeof(bitmap->bits);
	bitmap->high = 0;
}

/* Moves the window so that it holds @byte, and returns the place of it. */
static uint64_t bitmap_seek(struct bitmap *bitmap, uint64_t byte)
{
	if (byte < bitmap->window || byte - bitmap->window >= sizeof(bitmap->bits)) {
		bitmap_flush(bitmap);
		bitmap->window = byte;
	}
	return byte - bitmap->window;
}

static void bitmap_set(struct bitmap *bitmap, uint64_t first, uint64_t last)
{
	while (first <= last) {
		uint64_t at = bitmap_seek(bitmap, first / 8);
		uint64_t end = min_u64(last, first | 7);
		unsigned int mask = (0xffu << (first % 8)) & (0xffu >> (7 - end % 8));

		bitmap->bits[at] |= (uint8_t)mask;
		bitmap->low = min_u64(bitmap->low, at);
		bitmap->high = max_u64(bitmap->high, at + 1);
		first = end + 1;
	}
}

static void bitmap_report(struct iova_range dirty, void *arg)
{
	struct bitmap *bitmap = arg;

	bitmap_set(bitmap, (dirty.start - bitmap->iova) >> bitmap->shift,
		   (dirty.last - bitmap->iova) >> bitmap->shift);
}

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

/* Cuts *@range to what areas cover from its start without a gap. False: nothing. */
static bool covered_part(struct ioas *ioas, struct iova_range *range)
{
	struct cover cover = {.next = range->start};

	(void)iova_map_for_each(&ioas->areas, *range, cover_visit, &cover);
	range->last = min_u64(range->last, cover.next - 1);
	return cover.any;
}

static void ignore_dirty(struct iova_range dirty, void *arg)
{
	(void)dirty;
	(void)arg;
}

static void set_dirty_tracking(struct hwpt *hwpt, bool on)
{
	struct ioas *ioas = hwpt->ioas;

	pthread_mutex_lock(&ioas->lock);
	if (on)
		iopt_read_dirty(iommu_domain_table(hwpt->domain),
				iommu_domain_aperture(hwpt->domain), true, ignore_dirty, NULL);
	iommu_domain_set_dirty_tracking(hwpt->domain, on);
	/* DMA that began before may not have seen the switch. */
	iommu_domain_quiesce(hwpt->domain);
	pthread_mutex_unlock(&ioas->lock);
}

static bool tracks_dirty(const struct hwpt *hwpt)
{
	return iommu_domain_flags(hwpt->domain) & IOMMU_DOMAIN_DIRTY;
}

int ioctl_hwpt_set_dirty_tracking(struct ucmd *ucmd)
{
	const struct iommu_hwpt_set_dirty_tracking *cmd = ucmd->cmd;
	struct hwpt *hwpt;
	int rc = 0;

	if (cmd->flags & ~(uint32_t)IOMMU_HWPT_DIRTY_TRACKING_ENABLE)
		return -EOPNOTSUPP;
	hwpt = object_get(ucmd->ctx, cmd->hwpt_id, OBJECT_HWPT);
	if (!hwpt)
		return -ENOENT;
	if (tracks_dirty(hwpt))
		set_dirty_tracking(hwpt, cmd->flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	else
		rc = -EOPNOTSUPP;
	hwpt_put(hwpt);
	return rc;
}

/* The checks of spec 20-hwpt-device 9.2, rows 3 to 8. *@last becomes the last byte of the range. */
static int check_bitmap(const struct iommu_hwpt_get_dirty_bitmap *cmd, struct hwpt *hwpt,
			uint64_t *last)
{
	const uint64_t edges = cmd->iova | (cmd->iova + cmd->length);
	uint64_t alignment;

	if (!cmd->length)
		return -EINVAL;
	if (check_last(cmd->iova, cmd->length, last))
		return -EOVERFLOW;
	pthread_mutex_lock(&hwpt->ioas->lock);
	alignment = hwpt->ioas->alignment;
	pthread_mutex_unlock(&hwpt->ioas->lock);
	if (!is_aligned(edges, alignment))
		return -EINVAL;
	if (!cmd->page_size || (edges & (cmd->page_size - 1)))
		return -EINVAL;
	return tracks_dirty(hwpt) ? 0 : -EOPNOTSUPP;
}

static int get_dirty_bitmap(struct ucmd *ucmd, const struct iommu_hwpt_get_dirty_bitmap *cmd,
			    struct hwpt *hwpt)
{
	const bool clear = !(cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR);
	struct iova_range range = {.start = cmd->iova};
	struct bitmap bitmap = {
		.caller = ucmd->caller,
		.uaddr = cmd->data,
		.iova = cmd->iova,
		.low = sizeof(bitmap.bits),
	};
	int rc = check_bitmap(cmd, hwpt, &range.last);

	if (rc)
		return rc;
	bitmap.shift = log2_floor(lowest_bit(cmd->page_size));
	pthread_mutex_lock(&hwpt->ioas->lock);
	if (covered_part(hwpt->ioas, &range))
		iopt_read_dirty(iommu_domain_table(hwpt->domain), range, clear, bitmap_report,
				&bitmap);
	/* What was reported clean again has been written whole when the call returns. */
	if (clear)
		iommu_domain_quiesce(hwpt->domain);
	pthread_mutex_unlock(&hwpt->ioas->lock);
	bitmap_flush(&bitmap);
	return 0;
}

int ioctl_hwpt_get_dirty_bitmap(struct ucmd *ucmd)
{
	const struct iommu_hwpt_get_dirty_bitmap *cmd = ucmd->cmd;
	struct hwpt *hwpt;
	int rc;

	if ((cmd->flags & ~(uint32_t)IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR) || cmd->__reserved)
		return -EOPNOTSUPP;
	hwpt = object_get(ucmd->ctx, cmd->hwpt_id, OBJECT_HWPT);
	if (!hwpt)
		return -ENOENT;
	rc = get_dirty_bitmap(ucmd, cmd, hwpt);
	hwpt_put(hwpt);
	return rc;
}
