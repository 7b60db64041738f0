/* SPDX-License-Identifier: MIT */
/*
 * VFIO_IOMMU_GET_INFO: page sizes, and a chain of capabilities behind the structure [COMPAT-INFO]:
 * how many mappings are possible, then the usable ranges of IOVA.
 *
 * A caller that passes too little memory gets each part that fits in it, and is told how much it
 * takes.
 */
#include <uiommufd/vfio.h>

#include "iommufd/compat/compat.h"

#include "base/caller.h"

enum {
	INFO_LEAST = offsetof(struct vfio_iommu_type1_info, cap_offset),
	CAP_AVAIL = sizeof(struct vfio_iommu_type1_info),
	/* Each capability is at a multiple of 8. */
	CAP_RANGES = (CAP_AVAIL + sizeof(struct vfio_iommu_type1_info_dma_avail) + 7) / 8 * 8,
	RANGES = CAP_RANGES + sizeof(struct vfio_iommu_type1_info_cap_iova_range),
};

_Static_assert(sizeof(struct iova_range) == sizeof(struct vfio_iova_range), "copied as one array");

/* The answer, and where it goes. */
struct answer {
	struct uiommufd_caller *caller;
	uint64_t arg;
	uint32_t room; /* the caller's argsz */
};

/* Writes @len bytes at @off of the answer if they fit. */
static int put(const struct answer *answer, size_t off, const void *from, size_t len)
{
	if (off + len > answer->room)
		return 0;
	return caller_write(answer->caller, answer->arg + off, from, len);
}

static int put_avail(const struct answer *answer)
{
	struct vfio_iommu_type1_info_dma_avail cap = {
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, .version = 1},
		.avail = UINT32_MAX, /* no limit but memory */
	};

	/* The chain goes on for callers in whose memory the next link begins. */
	if (answer->room >= CAP_RANGES)
		cap.header.next = CAP_RANGES;
	return put(answer, CAP_AVAIL, &cap, sizeof(cap));
}

static int put_ranges(const struct answer *answer, const struct iova_set *usable, uint32_t total)
{
	const struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1},
		.nr_iovas = (uint32_t)usable->count,
	};
	size_t off = RANGES;
	int rc = 0;

	if (answer->room >= total)
		rc = put(answer, CAP_RANGES, &cap, sizeof(cap));
	for (size_t i = 0; i < usable->count && !rc; i++, off += sizeof(usable->ranges[i]))
		rc = put(answer, off, &usable->ranges[i], sizeof(usable->ranges[i]));
	return rc;
}

/*
 * Sizes of pages that all HWPTs have, as far as the memory of programs comes in them. Caller holds
 * ioas->lock.
 */
static uint64_t page_sizes(const struct ioas *ioas)
{
	uint64_t sizes = UINT64_MAX;
	struct ioas_table *table;

	cds_list_for_each_entry (table, &ioas->tables, link)
		sizes &= iommu_domain_pgsizes(table->domain);
	if (sizes & PAGE_MASK)
		sizes = (sizes & ~(uint64_t)PAGE_MASK) | PAGE_SIZE;
	return max_u64(sizes, ioas->alignment);
}

static int put_info(const struct answer *answer, struct vfio_iommu_type1_info *info,
		    const struct iova_set *usable)
{
	int rc;

	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->argsz = (uint32_t)(RANGES + usable->count * sizeof(usable->ranges[0]));
	if (answer->room >= info->argsz)
		info->cap_offset = CAP_AVAIL;
	rc = put_avail(answer);
	if (!rc)
		rc = put_ranges(answer, usable, info->argsz);
	if (rc)
		return rc;
	return caller_write(answer->caller, answer->arg, info,
			    min_u64(answer->room, sizeof(*info)));
}

long compat_get_info(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, uint64_t arg)
{
	struct answer answer = {.caller = caller, .arg = arg};
	struct vfio_iommu_type1_info info = {0};
	struct iova_set usable;
	struct ioas *ioas;
	int rc;

	if (caller_read(caller, &info, arg, INFO_LEAST))
		return -EFAULT;
	if (info.argsz < INFO_LEAST)
		return -EINVAL;
	answer.room = info.argsz;
	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return -ENODEV;
	iova_set_init(&usable);
	lock_acquire(&ioas->lock);
	rc = iova_set_invert(&ioas->reserved, &usable);
	info.iova_pgsizes = page_sizes(ioas);
	lock_release(&ioas->lock);
	if (!rc)
		rc = put_info(&answer, &info, &usable);
	iova_set_destroy(&usable);
	object_put(&ioas->object);
	return rc;
}
