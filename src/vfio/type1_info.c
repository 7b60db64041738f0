/* SPDX-License-Identifier: MIT */
/*
 * VFIO_IOMMU_GET_INFO of the type1 driver [TYPE1-INFO]: page sizes, and behind the structure a
 * chain of capabilities, which is written as a whole or not at all.
 */
#include <errno.h>

#include <uiommufd/vfio.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "vfio/type1.h"
#include "vfio/vfio_internal.h"

/* Where the capabilities are. */
struct chain {
	struct vfio_iommu_type1_info info;
	struct vfio_iommu_type1_info_cap_migration migration;
	struct vfio_iommu_type1_info_dma_avail avail;
	uint32_t padding;
	struct vfio_iommu_type1_info_cap_iova_range ranges;
	/* The ranges follow. */
};

_Static_assert(offsetof(struct chain, migration) == 24 && offsetof(struct chain, avail) == 56 &&
		       offsetof(struct chain, ranges) == 72 && sizeof(struct chain) == 88,
	       "the offsets of [TYPE1-INFO.1..3]");
_Static_assert(sizeof(struct iova_range) == sizeof(struct vfio_iova_range), "copied as one array");

static void fill(struct type1 *type1, const struct iova_set *usable, struct chain *chain)
	REQUIRES(type1->lock)
{
	const uint64_t sizes = type1_page_sizes(type1);

	chain->info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	chain->info.iova_pgsizes = sizes;
	chain->migration = (struct vfio_iommu_type1_info_cap_migration){
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
			   .version = 1,
			   .next = offsetof(struct chain, avail)},
		.pgsize_bitmap = lowest_bit(sizes),
		.max_dirty_bitmap_size = UINT64_C(1) << 28,
	};
	chain->avail = (struct vfio_iommu_type1_info_dma_avail){
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
			   .version = 1,
			   .next = offsetof(struct chain, ranges)},
		.avail = type1->avail,
	};
	chain->ranges = (struct vfio_iommu_type1_info_cap_iova_range){
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1},
		.nr_iovas = (uint32_t)usable->count,
	};
}

static int put(struct uiommufd_caller *caller, uint64_t arg, const struct iova_set *usable,
	       struct chain *chain)
{
	const size_t ranges = usable->count * sizeof(usable->ranges[0]);
	const uint32_t space = chain->info.argsz;

	if (space < sizeof(*chain) + ranges) {
		chain->info.argsz = (uint32_t)(sizeof(*chain) + ranges);
	} else {
		chain->info.cap_offset = offsetof(struct chain, migration);
		if (caller_write(caller, arg + sizeof(chain->info), &chain->migration,
				 sizeof(*chain) - sizeof(chain->info)) ||
		    caller_write(caller, arg + sizeof(*chain), usable->ranges, ranges))
			return -EFAULT;
	}
	return caller_write(caller, arg, &chain->info, min_u64(space, sizeof(chain->info)));
}

long type1_get_info(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_iommu_type1_info, iova_pgsizes);
	struct chain chain = {.padding = 0};
	struct iova_set usable;
	int rc;

	lock_assert_held(&type1->lock);
	if (caller_read(caller, &chain.info, arg, least))
		return refuse_memory("the argument", arg, least);
	if (chain.info.argsz < least)
		return refuse_argsz(chain.info.argsz, least);
	iova_set_init(&usable);
	rc = type1_usable(type1, &usable);
	if (!rc) {
		type1_set_ranges_known(type1);
		fill(type1, &usable, &chain);
		rc = put(caller, arg, &usable, &chain);
	}
	iova_set_destroy(&usable);
	return rc;
}
