/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on ranges of IOVA, for programs that plan an address space: what is reserved for a
 * device, what remains, and what several devices have in common. On plain arrays of struct
 * iommu_iova_range, as the ioctls of <uiommufd/iommufd.h> fill and take them; usable on a real
 * /dev/iommu as well.
 *
 * Both ends of a range are inclusive, so the whole 64-bit space, ranges that end at 2^64-1 and a
 * hole anywhere are exact. A *normal* array is ascending, and its ranges neither overlap nor touch:
 * what IOMMU_IOAS_IOVA_RANGES, IOMMU_DEV_IOVA_RANGES and IOMMU_RESV_IOVA_RANGES give, and every
 * function here. Lists from elsewhere (/sys/kernel/iommu_groups/N/reserved_regions) become so by
 * uiommufd_ranges_merge().
 *
 * 	struct iommu_iova_range a[16], b[16], both[32];
 * 	size_t n;
 *
 * 	... IOMMU_DEV_IOVA_RANGES of one device into a, of another into b ...
 * 	n = uiommufd_ranges_intersect(a, a_count, b, b_count, both, 32);
 * 	n = uiommufd_ranges_allowable(both, n);
 * 	... IOMMU_IOAS_ALLOW_IOVAS with both ...
 *
 * No function allocates, locks, or fails; all may be called from any thread. Those with @out and
 * @capacity write no more than @capacity ranges and return how many there are in all, as snprintf()
 * does: a greater result than @capacity says what to come back with. (NULL, 0) only asks. @out must
 * not be one of the arguments.
 */
#ifndef UIOMMUFD_RANGES_H
#define UIOMMUFD_RANGES_H

#include <stddef.h>

#include <uiommufd/iommufd.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UIOMMUFD_API
#define UIOMMUFD_API __attribute__((visibility("default")))
#endif

/*
 * Makes @ranges, in any order, overlapping or not (start <= last in each), normal in place: the
 * union of several lists, written one after the other. Returns how many are left. O(n log n), O(n)
 * if they are ascending already.
 */
UIOMMUFD_API size_t uiommufd_ranges_merge(struct iommu_iova_range *ranges, size_t count);

/*
 * What is not in the normal array @ranges: reserved ranges become permitted ones, and back. At most
 * @count + 1. Of an empty array: {0, 2^64-1}.
 */
UIOMMUFD_API size_t uiommufd_ranges_invert(const struct iommu_iova_range *ranges, size_t count,
					   struct iommu_iova_range *out, size_t capacity);

/*
 * What is in both normal arrays: what two devices permit. At most @a_count + @b_count - 1, or none.
 */
UIOMMUFD_API size_t uiommufd_ranges_intersect(const struct iommu_iova_range *a, size_t a_count,
					      const struct iommu_iova_range *b, size_t b_count,
					      struct iommu_iova_range *out, size_t capacity);

/*
 * Drops from @ranges, in place, those of one byte, which IOMMU_IOAS_ALLOW_IOVAS refuses (start must
 * be below last). Returns how many are left.
 */
UIOMMUFD_API size_t uiommufd_ranges_allowable(struct iommu_iova_range *ranges, size_t count);

#ifdef __cplusplus
}
#endif
#endif
