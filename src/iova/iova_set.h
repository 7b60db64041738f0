/* SPDX-License-Identifier: MIT */
/*
 * A set of IOVA ranges as a sorted array of disjoint, non-adjacent ranges: what is reserved,
 * allowed, permitted. Small (tens to thousands) and read more often than changed. Not locked.
 *
 * Look-up is O(log n); add and remove move the tail of the array. Every function that may fail
 * leaves the set as it was.
 */
#ifndef IOVA_IOVA_SET_H
#define IOVA_IOVA_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "iova/range.h"

struct iova_set {
	struct iova_range *ranges; /* ascending; ranges[i].last + 1 < ranges[i + 1].start */
	size_t count;
	size_t capacity;
};

void iova_set_init(struct iova_set *set);
void iova_set_destroy(struct iova_set *set);

/*
 * Allocates for @count ranges in all, so that additions cannot fail until there are more. 0 or
 * -ENOMEM.
 */
int iova_set_reserve(struct iova_set *set, size_t count);

/* Adds @range, merging what it overlaps or touches. 0 or -ENOMEM. */
int iova_set_add(struct iova_set *set, struct iova_range range);

/*
 * Turns the first @count of set->ranges, which the caller has reserved and filled in any order,
 * into the set. False: two of them overlap, and @set is empty. Cost: O(n log n).
 */
bool iova_set_adopt(struct iova_set *set, size_t count);

/* Removes @range; a range that straddles its ends is cut. 0 or -ENOMEM. */
int iova_set_remove(struct iova_set *set, struct iova_range range);

bool iova_set_intersects(const struct iova_set *set, struct iova_range range);

/*
 * Like iova_set_intersects(); *@found is then the lowest range of the set that @range intersects.
 */
bool iova_set_intersection(const struct iova_set *set, struct iova_range range,
			   struct iova_range *found);

/* Whether any range of @a intersects one of @b. O(n). */
bool iova_set_meets(const struct iova_set *a, const struct iova_set *b);

/* True if all of @range is in the set. */
bool iova_set_contains(const struct iova_set *set, struct iova_range range);

/* The index of the first range whose last is at least @iova; set->count if there is none. */
size_t iova_set_lower(const struct iova_set *set, uint64_t iova);

/*
 * Replaces what @out (initialised) holds by the complement of @set in the 64-bit space, or by the
 * intersection or the union of @a and @b; @out may be one of the arguments. 0 or -ENOMEM, in which
 * case @out is unchanged. Cost: O(n).
 */
int iova_set_invert(const struct iova_set *set, struct iova_set *out);
int iova_set_intersect(const struct iova_set *a, const struct iova_set *b, struct iova_set *out);
int iova_set_merge(const struct iova_set *a, const struct iova_set *b, struct iova_set *out);

/* Replaces what @out holds by a copy of @set. 0 or -ENOMEM. */
int iova_set_copy(const struct iova_set *set, struct iova_set *out);

/* Exchanges what two sets hold. */
void iova_set_swap(struct iova_set *a, struct iova_set *b);

#endif
