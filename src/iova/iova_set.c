/* SPDX-License-Identifier: MIT */
/*
 * Sets of ranges as sorted arrays.
 *
 * Invariant: between calls the ranges are ascending, disjoint and not adjacent, so that equal sets
 * have equal arrays.
 *
 * Functions that combine whole sets first allocate a fresh array of the largest size that the
 * result can have; nothing fails after that.
 */
#include "iova/iova_set.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "iova/iova_ranges.h"

#define CAPACITY_MIN 8u

void iova_set_init(struct iova_set *set)
{
	*set = (struct iova_set){0};
}

void iova_set_destroy(struct iova_set *set)
{
	alloc_free(set->ranges);
	iova_set_init(set);
}

void iova_set_swap(struct iova_set *a, struct iova_set *b)
{
	struct iova_set old = *a;

	*a = *b;
	*b = old;
}

size_t iova_set_lower(const struct iova_set *set, uint64_t iova)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].last < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool iova_set_intersects(const struct iova_set *set, struct iova_range range)
{
	size_t i = iova_set_lower(set, range.start);

	return i < set->count && set->ranges[i].start <= range.last;
}

bool iova_set_intersection(const struct iova_set *set, struct iova_range range,
			   struct iova_range *found)
{
	size_t i = iova_set_lower(set, range.start);

	if (i == set->count || set->ranges[i].start > range.last)
		return false;
	*found = set->ranges[i];
	return true;
}

bool iova_set_meets(const struct iova_set *a, const struct iova_set *b)
{
	size_t j = 0;

	/* Branches, not arithmetic: the processor runs ahead of them, and sets often alternate. */
	for (size_t i = 0; i < a->count; i++) {
		while (j < b->count && b->ranges[j].last < a->ranges[i].start)
			j++;
		if (j == b->count)
			return false;
		if (b->ranges[j].start <= a->ranges[i].last)
			return true;
	}
	return false;
}

bool iova_set_contains(const struct iova_set *set, struct iova_range range)
{
	size_t i = iova_set_lower(set, range.start);

	return i < set->count && iova_range_contains(set->ranges[i], range);
}

int iova_set_reserve(struct iova_set *set, size_t count)
{
	struct iova_range *ranges;
	size_t capacity = set->capacity ? 2 * set->capacity : CAPACITY_MIN;

	if (count <= set->capacity)
		return 0;
	if (capacity < count)
		capacity = count;
	ranges = alloc_resize(set->ranges, capacity, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	set->ranges = ranges;
	set->capacity = capacity;
	return 0;
}

/* Whether the invariant holds between the neighbours in [@first, @end). */
static bool is_normal(const struct iova_set *set, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		if (set->ranges[i].start > set->ranges[i].last)
			return false;
		if (i + 1 < end && (set->ranges[i].last == UINT64_MAX ||
				    set->ranges[i].last + 1 >= set->ranges[i + 1].start))
			return false;
	}
	return true;
}

/* Puts @count ranges in the place of [@first, @end); the capacity is reserved. */
static void replace(struct iova_set *set, size_t first, size_t end, const struct iova_range *ranges,
		    size_t count)
{
	assert(set->count - (end - first) + count <= set->capacity);
	memmove(&set->ranges[first + count], &set->ranges[end],
		(set->count - end) * sizeof(*ranges));
	memcpy(&set->ranges[first], ranges, count * sizeof(*ranges));
	set->count = set->count - (end - first) + count;
	assert(is_normal(set, first ? first - 1 : 0, min_u64(first + count + 1, set->count)));
}

int iova_set_add(struct iova_set *set, struct iova_range range)
{
	/* [first, end) overlap or touch @range: they end just below it at the least. */
	size_t first = iova_set_lower(set, range.start ? range.start - 1 : 0);
	size_t end = first;
	int rc;

	while (end < set->count &&
	       (range.last == UINT64_MAX || set->ranges[end].start <= range.last + 1))
		end++;
	if (first < end) {
		range.start = min_u64(range.start, set->ranges[first].start);
		range.last = max_u64(range.last, set->ranges[end - 1].last);
	} else {
		rc = iova_set_reserve(set, set->count + 1);
		if (rc)
			return rc;
	}
	replace(set, first, end, &range, 1);
	return 0;
}

bool iova_set_adopt(struct iova_set *set, size_t count)
{
	assert(count <= set->capacity);
	if (is_normal(set, 0, count)) {
		set->count = count;
		return true;
	}
	set->count = 0;
	if (!ranges_sort(set->ranges, count))
		return false;
	set->count = ranges_normalise(set->ranges, count);
	return true;
}

int iova_set_remove(struct iova_set *set, struct iova_range range)
{
	size_t first = iova_set_lower(set, range.start);
	struct iova_range kept[2];
	size_t end = first, count = 0;
	int rc;

	while (end < set->count && set->ranges[end].start <= range.last)
		end++;
	if (first == end)
		return 0;
	if (set->ranges[first].start < range.start)
		kept[count++] = (struct iova_range){set->ranges[first].start, range.start - 1};
	if (set->ranges[end - 1].last > range.last)
		kept[count++] = (struct iova_range){range.last + 1, set->ranges[end - 1].last};
	rc = iova_set_reserve(set, set->count - (end - first) + count);
	if (rc)
		return rc;
	replace(set, first, end, kept, count);
	return 0;
}

/* An empty set that has the capacity for @count ranges. */
static int create(struct iova_set *set, size_t count)
{
	iova_set_init(set);
	return iova_set_reserve(set, count);
}

/* Makes @fresh the content of @out. */
static void commit(struct iova_set *out, struct iova_set *fresh)
{
	assert(is_normal(fresh, 0, fresh->count));
	iova_set_swap(out, fresh);
	iova_set_destroy(fresh);
}

static void append(struct iova_set *set, uint64_t start, uint64_t last)
{
	assert(set->count < set->capacity);
	set->ranges[set->count++] = (struct iova_range){start, last};
}

int iova_set_invert(const struct iova_set *set, struct iova_set *out)
{
	struct iova_set fresh;

	if (create(&fresh, set->count + 1))
		return -ENOMEM;
	fresh.count = ranges_invert(set->ranges, set->count, fresh.ranges, fresh.capacity);
	commit(out, &fresh);
	return 0;
}

int iova_set_intersect(const struct iova_set *a, const struct iova_set *b, struct iova_set *out)
{
	struct iova_set fresh;

	if (create(&fresh, a->count + b->count))
		return -ENOMEM;
	fresh.count = ranges_intersect(a->ranges, a->count, b->ranges, b->count, fresh.ranges,
				       fresh.capacity);
	commit(out, &fresh);
	return 0;
}

int iova_set_merge(const struct iova_set *a, const struct iova_set *b, struct iova_set *out)
{
	struct iova_set fresh;
	size_t i = 0, j = 0;

	if (create(&fresh, a->count + b->count))
		return -ENOMEM;
	while (i < a->count || j < b->count) {
		bool from_a = j == b->count ||
			      (i < a->count && a->ranges[i].start <= b->ranges[j].start);
		struct iova_range next = from_a ? a->ranges[i++] : b->ranges[j++];
		struct iova_range *top = fresh.count ? &fresh.ranges[fresh.count - 1] : NULL;

		if (top && (top->last == UINT64_MAX || next.start <= top->last + 1))
			top->last = max_u64(top->last, next.last);
		else
			append(&fresh, next.start, next.last);
	}
	commit(out, &fresh);
	return 0;
}

int iova_set_copy(const struct iova_set *set, struct iova_set *out)
{
	struct iova_set fresh;

	if (create(&fresh, set->count))
		return -ENOMEM;
	if (set->count)
		memcpy(fresh.ranges, set->ranges, set->count * sizeof(*set->ranges));
	fresh.count = set->count;
	commit(out, &fresh);
	return 0;
}
