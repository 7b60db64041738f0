/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on plain arrays of ranges. Nothing is allocated: results go to the caller's array. If
 * that is too short, a function writes the first @capacity ranges and returns how many there are.
 *
 * A *normal* array is ascending, and its ranges neither overlap nor touch. Cost: linear, except for
 * the sorting in ranges_sort() and ranges_normalise(), which is O(n log n).
 */
#ifndef IOVA_IOVA_RANGES_H
#define IOVA_IOVA_RANGES_H

#include <stddef.h>

#include "iova/range.h"

/* Sorts any array by the starts of its ranges, in place. True if no two of them overlap. */
bool ranges_sort(struct iova_range *ranges, size_t count);

/* Makes any array normal, in place; returns how many ranges are left. */
size_t ranges_normalise(struct iova_range *ranges, size_t count);

/*
 * The complement in the 64-bit space of a normal array, at most @count + 1 ranges. @out does not
 * overlap it.
 */
size_t ranges_invert(const struct iova_range *ranges, size_t count, struct iova_range *out,
		     size_t capacity);

/*
 * What two normal arrays have in common, at most @a_count + @b_count ranges. @out overlaps neither.
 */
size_t ranges_intersect(const struct iova_range *a, size_t a_count, const struct iova_range *b,
			size_t b_count, struct iova_range *out, size_t capacity);

#endif
