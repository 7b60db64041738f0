/* SPDX-License-Identifier: MIT */
/*
 * ranges.h - arithmetic on ranges of IOVA
 *
 * For programs that plan an address space: what is reserved for a device, what remains, and what
 * several devices have in common. The functions work on plain arrays of struct iommu_iova_range, as
 * the ioctls of <uiommufd/iommufd.h> fill and take them, and need no context: they serve a program
 * on a real /dev/iommu as well.
 *
 * 	struct iommu_iova_range a[16], b[16], both[32];
 * 	size_t n;
 *
 * 	... IOMMU_DEV_IOVA_RANGES of one device into a, of another into b ...
 * 	n = uiommufd_ranges_intersect(a, a_count, b, b_count, both, 32);
 * 	n = uiommufd_ranges_allowable(both, n);
 * 	... IOMMU_IOAS_ALLOW_IOVAS with both ...
 *
 * Both ends of a range are inclusive, so the whole 64-bit space and ranges that end at 2^64-1 are
 * exact. A *normal* array is ascending, and its ranges neither overlap nor touch. Every function
 * here gives normal arrays, and so do IOMMU_IOAS_IOVA_RANGES, IOMMU_DEV_IOVA_RANGES and
 * IOMMU_RESV_IOVA_RANGES. uiommufd_ranges_merge() makes any other list normal, for instance
 * /sys/kernel/iommu_groups/N/reserved_regions.
 *
 * No function allocates, locks or fails. A function with @out and @capacity writes at most
 * @capacity ranges and returns how many there are in all, as snprintf() does; (NULL, 0) only
 * counts. @out must not overlap an argument.
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
 * uiommufd_ranges_merge() - make an array of ranges normal, in place
 * @ranges: in any order, overlapping or not, start <= last in each; out: their union
 * @count: how many there are
 *
 * To form the union of several lists, write them one after the other. Takes O(n log n), or O(n) if
 * the ranges are ascending already.
 *
 * Returns: how many ranges are left.
 *
 * Context: any thread, any signal handler.
 */
UIOMMUFD_API size_t uiommufd_ranges_merge(struct iommu_iova_range *ranges, size_t count);

/*
 * uiommufd_ranges_invert() - find what is outside of a normal array
 * @ranges: a normal array, borrowed
 * @count: how many there are; 0: the result is the whole space
 * @out: result, at most @count + 1 ranges
 * @capacity: how many ranges fit in @out
 *
 * Turns reserved ranges into permitted ones, and back.
 *
 * Returns: how many ranges the result has, which may be more than @capacity.
 *
 * Context: any thread, any signal handler.
 */
UIOMMUFD_API size_t uiommufd_ranges_invert(const struct iommu_iova_range *ranges, size_t count,
					   struct iommu_iova_range *out, size_t capacity);

/*
 * uiommufd_ranges_intersect() - find what two normal arrays have in common
 * @a: a normal array, borrowed
 * @a_count: how many ranges it has
 * @b: a normal array, borrowed
 * @b_count: how many ranges it has
 * @out: result, at most @a_count + @b_count - 1 ranges
 * @capacity: how many ranges fit in @out
 *
 * Returns: how many ranges the result has, which may be more than @capacity.
 *
 * Context: any thread, any signal handler.
 */
UIOMMUFD_API size_t uiommufd_ranges_intersect(const struct iommu_iova_range *a, size_t a_count,
					      const struct iommu_iova_range *b, size_t b_count,
					      struct iommu_iova_range *out, size_t capacity);

/*
 * uiommufd_ranges_allowable() - keep what IOMMU_IOAS_ALLOW_IOVAS takes, in place
 * @ranges: a normal array; out: the same without its ranges of one byte
 * @count: how many there are
 *
 * Returns: how many ranges are left.
 *
 * Context: any thread, any signal handler.
 * Source: IOMMU_IOAS_ALLOW_IOVAS refuses a range unless its start is below its last.
 */
UIOMMUFD_API size_t uiommufd_ranges_allowable(struct iommu_iova_range *ranges, size_t count);

#ifdef __cplusplus
}
#endif
#endif
