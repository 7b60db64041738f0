/* SPDX-License-Identifier: MIT */
/*
 * The kernel's choice of an IOVA, rule by rule [IOAS-AUTO]: always the lowest place that
 * fits, independent of earlier choices. The map finds holes between areas; reserved ranges cut the
 * space into the windows in which it looks.
 */
#include "iova/iova_alloc.h"

#include <assert.h>
#include <errno.h>

#include "base/check.h"

#define ALIGN_MAX (UINT64_C(2) << 20)

/* Automatic IOVAs are never outside of it. */
static const struct iova_range usable = {PAGE_SIZE, UINT64_MAX - PAGE_SIZE};

/* The alignment for @len bytes at @hint: that of the source, so that huge pages stay huge. */
static uint64_t natural_align(uint64_t len, uint64_t hint)
{
	uint64_t align = len == 1 ? 1 : UINT64_C(2) << log2_floor(len - 1);

	if (hint)
		align = min_u64(align, lowest_bit(hint));
	return min_u64(align, ALIGN_MAX);
}

/* The lowest place in [@start, @last] that is neither mapped nor reserved. */
static int alloc_between_reserved(const struct iova_map *map, const struct iova_set *reserved,
				  const struct iova_fit *fit, uint64_t start, uint64_t last,
				  uint64_t *iova)
{
	for (size_t i = iova_set_lower(reserved, start);; i++) {
		bool bounded = i < reserved->count && reserved->ranges[i].start <= last;

		if (!bounded || start < reserved->ranges[i].start) {
			struct iova_range window = {start,
						    bounded ? reserved->ranges[i].start - 1 : last};

			if (!iova_map_find_hole(map, window, fit, iova))
				return 0;
		}
		if (!bounded || reserved->ranges[i].last >= last)
			return -ENOSPC;
		start = reserved->ranges[i].last + 1;
	}
}

/* Like alloc_between_reserved(), in @range, which the API allows (or the whole usable space). */
static int alloc_in_range(const struct iova_map *map, const struct iova_set *reserved,
			  const struct iova_fit *fit, struct iova_range range, uint64_t *iova)
{
	uint64_t start = max_u64(range.start, usable.start);
	uint64_t last = min_u64(range.last, usable.last);
	uint64_t candidate;

	/* The search begins at the range's own candidate, which may cut its first hole short. */
	if (start > last || !iova_fit(fit, start, last, &candidate))
		return -ENOSPC;
	return alloc_between_reserved(map, reserved, fit, candidate, last, iova);
}

int iova_alloc(const struct iova_map *map, const struct iova_set *reserved,
	       const struct iova_set *allowed, const struct iova_request *request, uint64_t *iova)
{
	struct iova_fit fit = {.len = request->len, .offset = request->hint & PAGE_MASK};

	assert(request->len);
	if (request->len >= UINT64_MAX / 2)
		return -EOVERFLOW;
	fit.align = natural_align(request->len, request->hint);
	if (fit.align < request->alignment)
		return -EINVAL;

	if (!allowed->count)
		return alloc_in_range(map, reserved, &fit, usable, iova);
	for (size_t i = 0; i < allowed->count; i++) {
		if (!alloc_in_range(map, reserved, &fit, allowed->ranges[i], iova))
			return 0;
	}
	return -ENOSPC;
}
