/* SPDX-License-Identifier: MIT */
/* IOMMUs with a shape: one with other ranges owns a changed copy of its kind. */
#include "iommu/shape.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "iommu/iommu_internal.h"
#include "iova/iova_ranges.h"

/* ---- texts ---- */

/* Parses a number at *@text that is followed by @end, and advances *@text behind both. */
static bool parse_number(const char **text, char end, uint64_t *number)
{
	char *after;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*number = strtoull(*text, &after, 0);
	if (errno || *after != end)
		return false;
	*text = end ? after + 1 : after;
	return true;
}

/* Parses "START-LAST" at *@text; *@more: another range follows after a '+'. */
static bool parse_range(const char **text, struct iova_range *range, bool *more)
{
	*more = strchr(*text, '+');
	return parse_number(text, '-', &range->start) &&
	       parse_number(text, *more ? '+' : '\0', &range->last) && range->start <= range->last;
}

static int parse_ranges(const char *text, struct iova_range *ranges, size_t max, size_t *count)
{
	bool more = true;

	for (*count = 0; more; ++*count) {
		if (*count == max || !parse_range(&text, &ranges[*count], &more))
			return -EINVAL;
	}
	*count = ranges_normalise(ranges, *count);
	return 0;
}

static int parse_switch(const char *text, bool *off)
{
	*off = !strcmp(text, "off");
	return *off || !strcmp(text, "on") ? 0 : -EINVAL;
}

int iommu_shape_set(struct kind_shape *shape, const char *option, const char *value)
{
	if (!strcmp(option, "aperture"))
		return parse_ranges(value, shape->windows, KIND_MAX_GAPS + 1, &shape->window_count);
	if (!strcmp(option, "hole"))
		return parse_ranges(value, shape->holes, KIND_MAX_RESV, &shape->hole_count);
	if (!strcmp(option, "iotlb"))
		return parse_switch(value, &shape->no_iotlb);
	return -ENOENT;
}

/* ---- kinds ---- */

/*
 * Adds what lies between the windows to the gaps of the kind. 0, or -EINVAL: too many.
 */
static int add_gaps(struct iommu_kind *kind, const struct kind_shape *shape)
{
	struct iova_range gaps[2 * KIND_MAX_GAPS];
	size_t count = kind->gap_count;

	memcpy(gaps, kind->gaps, sizeof(kind->gaps));
	for (size_t i = 1; i < shape->window_count; i++)
		gaps[count++] = (struct iova_range){shape->windows[i - 1].last + 1,
						    shape->windows[i].start - 1};
	count = ranges_normalise(gaps, count);
	if (count > KIND_MAX_GAPS)
		return -EINVAL;
	memcpy(kind->gaps, gaps, count * sizeof(gaps[0]));
	kind->gap_count = count;
	return 0;
}

/*
 * Cuts the apertures of all tables. -EINVAL: the table for requests without flags cannot express
 * all of @aperture. The other tables keep what they can express.
 */
static int cut_aperture(struct iommu_kind *kind, struct iova_range aperture)
{
	if (!iova_range_contains(kind->variants[0].aperture, aperture))
		return -EINVAL;
	for (size_t i = 0; i < kind->variant_count; i++) {
		struct kind_variant *variant = &kind->variants[i];

		if (!iova_range_intersects(variant->aperture, aperture))
			variant->combinations = 0;
		variant->aperture.start = max_u64(variant->aperture.start, aperture.start);
		variant->aperture.last = min_u64(variant->aperture.last, aperture.last);
	}
	return 0;
}

/* Inserts a reserved region, in order. */
static int add_hole(struct iommu_kind *kind, struct iova_range hole)
{
	size_t at = kind->reserved_count;

	if (at == KIND_MAX_RESV)
		return -EINVAL;
	for (; at && kind->reserved[at - 1].range.start > hole.start; at--)
		kind->reserved[at] = kind->reserved[at - 1];
	kind->reserved[at] = (struct resv_region){.range = hole, .type = RESV_RESERVED};
	kind->reserved_count++;
	return 0;
}

static int reshape(struct iommu_kind *kind, const struct kind_shape *shape)
{
	int rc;

	if (shape->window_count) {
		rc = cut_aperture(
			kind, (struct iova_range){shape->windows[0].start,
						  shape->windows[shape->window_count - 1].last});
		if (rc)
			return rc;
		rc = add_gaps(kind, shape);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < shape->hole_count; i++) {
		rc = add_hole(kind, shape->holes[i]);
		if (rc)
			return rc;
	}
	return 0;
}

/* Creates an IOMMU with a kind of its own, which has other ranges. */
static int create_reshaped(const struct iommu_kind *kind, const struct kind_shape *shape,
			   const char *name, struct iommu **out)
{
	struct iommu_kind *own;
	int rc;

	own = alloc_zeroed(sizeof(*own));
	if (!own)
		return -ENOMEM;
	*own = *kind;
	rc = reshape(own, shape);
	if (rc)
		goto out_free;
	rc = iommu_create(own, name, out);
	if (rc)
		goto out_free;
	(*out)->own = own;
	return 0;
out_free:
	alloc_free(own);
	return rc;
}

int iommu_create_shaped(const struct iommu_kind *kind, const struct kind_shape *shape,
			const char *name, struct iommu **out)
{
	int rc;

	if (shape->window_count || shape->hole_count)
		rc = create_reshaped(kind, shape, name, out);
	else
		rc = iommu_create(kind, name, out);
	if (rc)
		return rc;
	if (shape->no_iotlb)
		iommu_tlb_disable(*out);
	return 0;
}
