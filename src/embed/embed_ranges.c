/* SPDX-License-Identifier: MIT */
/* <uiommufd/ranges.h>: iova/iova_ranges.h, with the ABI's type for a range. */
#include <uiommufd/ranges.h>

#include "iova/iova_ranges.h"

_Static_assert(sizeof(struct iova_range) == sizeof(struct iommu_iova_range) &&
		       offsetof(struct iova_range, start) ==
			       offsetof(struct iommu_iova_range, start) &&
		       offsetof(struct iova_range, last) == offsetof(struct iommu_iova_range, last),
	       "the two types have the same layout");

static const struct iova_range *in(const struct iommu_iova_range *ranges)
{
	return (const struct iova_range *)ranges;
}

size_t uiommufd_ranges_merge(struct iommu_iova_range *ranges, size_t count)
{
	return ranges_normalise((struct iova_range *)ranges, count);
}

size_t uiommufd_ranges_invert(const struct iommu_iova_range *ranges, size_t count,
			      struct iommu_iova_range *out, size_t capacity)
{
	return ranges_invert(in(ranges), count, (struct iova_range *)out, capacity);
}

size_t uiommufd_ranges_intersect(const struct iommu_iova_range *a, size_t a_count,
				 const struct iommu_iova_range *b, size_t b_count,
				 struct iommu_iova_range *out, size_t capacity)
{
	return ranges_intersect(in(a), a_count, in(b), b_count, (struct iova_range *)out, capacity);
}

size_t uiommufd_ranges_allowable(struct iommu_iova_range *ranges, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (ranges[i].start < ranges[i].last)
			ranges[kept++] = ranges[i];
	}
	return kept;
}
