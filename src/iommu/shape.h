/* SPDX-License-Identifier: MIT */
/*
 * IOMMUs that differ from their kind: in what they translate, to try address spaces that no kind
 * here has, or in what they cache.
 */
#ifndef IOMMU_SHAPE_H
#define IOMMU_SHAPE_H

#include "iommu/kind.h"

/* Zeroed: as the kind. */
struct kind_shape {
	struct iova_range windows[KIND_MAX_GAPS + 1]; /* all that is translated */
	size_t window_count;
	struct iova_range holes[KIND_MAX_RESV]; /* of each device, beside those of the kind */
	size_t hole_count;
	bool no_iotlb; /* nested translations are not cached */
};

/*
 * Takes an option: "aperture" or "hole", whose @value is one range or more,
 * "0x0-0x3fffffff+0x100000000-0x1ffffffff"; or "iotlb", "on" or "off". 0; -ENOENT: no such option;
 * -EINVAL: the value.
 */
int iommu_shape_set(struct kind_shape *shape, const char *option, const char *value);

/*
 * As iommu_create(), in this shape. Only an IOMMU whose ranges are its kind's shares automatic
 * HWPTs with others of its kind. -EINVAL also: the kind's tables cannot express the aperture, or
 * there are too many ranges.
 */
int iommu_create_shaped(const struct iommu_kind *kind, const struct kind_shape *shape,
			const char *name, struct iommu **iommu);

#endif
