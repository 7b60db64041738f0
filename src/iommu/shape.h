/* SPDX-License-Identifier: MIT */
/*
 * IOMMUs that differ from their kind: in the ranges that they translate, to test address spaces
 * that no kind has, or in caching.
 */
#ifndef IOMMU_SHAPE_H
#define IOMMU_SHAPE_H

#include "iommu/kind.h"

/* All zero: like the kind. */
struct kind_shape {
	struct iova_range windows[KIND_MAX_GAPS + 1]; /* all that is translated */
	size_t window_count;
	struct iova_range
		holes[KIND_MAX_RESV]; /* reserved for each device, in addition to the kind's */
	size_t hole_count;
	bool no_iotlb; /* nested translations are not cached */
};

/*
 * Sets an option: "aperture" or "hole" to one or more ranges in @value,
 * "0x0-0x3fffffff+0x100000000-0x1ffffffff"; or "iotlb" to "on" or "off". 0; -ENOENT: there is no
 * such option; -EINVAL: @value is malformed.
 */
int iommu_shape_set(struct kind_shape *shape, const char *option, const char *value);

/*
 * Like iommu_create(), in this shape. An IOMMU with ranges of its own does not share automatic
 * HWPTs with others of its kind. -EINVAL also: the kind's tables cannot express the aperture, or
 * there are too many ranges.
 */
int iommu_create_shaped(const struct iommu_kind *kind, const struct kind_shape *shape,
			const char *name, struct iommu **iommu);

#endif
