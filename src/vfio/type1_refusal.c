/* SPDX-License-Identifier: MIT */
/* The texts. What is mapped is looked up again: a refusal is not on any fast path. */
#include "vfio/type1_refusal.h"

#include <errno.h>
#include <inttypes.h>

#include "base/check.h"
#include "base/last_error.h"
#include "iommufd/ioas/refusal.h"

int type1_refuse_existing(struct type1 *type1, struct iova_range range,
			  const struct uiommufd_caller *caller, uint64_t va)
{
	int rc;

	lock_assert_held(&type1->lock);
	lock_acquire(&type1->ioas->lock);
	rc = refuse_overlap_va(type1->ioas, range, caller, va);
	lock_release(&type1->ioas->lock);
	return rc;
}

/* Counts the mappings that begin where the one before ends: they could have been one. */
struct neighbours {
	uint64_t next;
	uint64_t count;
};

static int count_neighbour(const struct iova_map_entry *entry, void *arg)
{
	struct neighbours *neighbours = arg;

	if (entry->range.start && entry->range.start == neighbours->next)
		neighbours->count++;
	neighbours->next = entry->range.last + 1;
	return 0;
}

int type1_refuse_full(struct type1 *type1, struct iova_range range)
{
	struct neighbours neighbours = {.count = 0};
	char r[RANGE_TEXT_SIZE];
	size_t mappings;

	lock_assert_held(&type1->lock);
	lock_acquire(&type1->ioas->lock);
	mappings = type1->ioas->areas.count;
	(void)iova_map_for_each(&type1->ioas->areas, IOVA_RANGE_ALL, count_neighbour, &neighbours);
	lock_release(&type1->ioas->lock);
	return refuse_mistake(
		-ENOSPC,
		"%s would be one more than the %zu mappings that type1 allows; %" PRIu64
		" of them begin where another ends, and could be one with it",
		range_text(range, r), mappings, neighbours.count);
}

int type1_refuse_unusable(const struct iova_set *usable, struct iova_range range)
{
	char r[RANGE_TEXT_SIZE], first[RANGE_TEXT_SIZE] = "none", last[RANGE_TEXT_SIZE] = "none";

	if (usable->count) {
		range_text(usable->ranges[0], first);
		range_text(usable->ranges[usable->count - 1], last);
	}
	return refuse_mistake(-EINVAL,
			      "IOVA %s is not inside one of the %zu usable ranges, %s to %s "
			      "(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)",
			      range_text(range, r), usable->count, first, last);
}

int type1_refuse_alignment(const struct vfio_iommu_type1_dma_map *map, uint64_t page)
{
	const uint64_t mask = page - 1;
	const char *member = map->iova & mask ? "iova" : map->size & mask ? "size" : "vaddr";
	const uint64_t value = map->iova & mask	  ? map->iova
			       : map->size & mask ? map->size
						  : map->vaddr;

	return refuse_mistake(-EINVAL, "%s 0x%" PRIx64 " is not a multiple of a page, 0x%" PRIx64,
			      member, value, page);
}

int type1_refuse_cut(struct type1 *type1, struct iova_range range, int error)
{
	char r[RANGE_TEXT_SIZE], m[RANGE_TEXT_SIZE];
	struct iova_range mapping = range;

	lock_assert_held(&type1->lock);
	if (type1_cuts_start(type1, range))
		(void)type1_next_mapping(type1, range.start, &mapping);
	else
		(void)type1_next_mapping(type1, range.last, &mapping);
	return refuse_mistake(error,
			      "%s begins or ends inside the mapping %s, which is unmapped as a "
			      "whole or not at all: 0 bytes are unmapped",
			      range_text(range, r), range_text(mapping, m));
}
