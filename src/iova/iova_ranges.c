/* SPDX-License-Identifier: MIT */
/*
 * Arrays of ranges. last + 1 of a range that ends at 2^64 - 1 wraps to 0; each function states what
 * it does about that.
 */
#include "iova/iova_ranges.h"

#include "base/check.h"

/* ---- sorting: a heap sort needs no memory and has no bad case ---- */

static void swap(struct iova_range *a, struct iova_range *b)
{
	struct iova_range old = *a;

	*a = *b;
	*b = old;
}

/* Lets ranges[@at] sink to its place in the heap of @count, whose greatest start is at the top. */
static void sink(struct iova_range *ranges, size_t at, size_t count)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= count)
			return;
		if (child + 1 < count && ranges[child].start < ranges[child + 1].start)
			child++;
		if (ranges[child].start <= ranges[at].start)
			return;
		swap(&ranges[at], &ranges[child]);
		at = child;
	}
}

static bool ascending(const struct iova_range *ranges, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (ranges[i].start < ranges[i - 1].start)
			return false;
	}
	return true;
}

static void sort(struct iova_range *ranges, size_t count)
{
	if (ascending(ranges, count))
		return;
	for (size_t i = count / 2; i-- > 0;)
		sink(ranges, i, count);
	while (count > 1) {
		swap(&ranges[0], &ranges[--count]);
		sink(ranges, 0, count);
	}
}

/* ---- the public functions ---- */

bool ranges_sort(struct iova_range *ranges, size_t count)
{
	sort(ranges, count);
	for (size_t i = 1; i < count; i++) {
		if (ranges[i].start <= ranges[i - 1].last)
			return false;
	}
	return true;
}

size_t ranges_normalise(struct iova_range *ranges, size_t count)
{
	size_t kept = 0;

	sort(ranges, count);
	for (size_t i = 0; i < count; i++) {
		struct iova_range *top = kept ? &ranges[kept - 1] : NULL;

		/* A range that ends at 2^64 - 1 contains every later one. */
		if (top && (top->last == UINT64_MAX || ranges[i].start <= top->last + 1))
			top->last = max_u64(top->last, ranges[i].last);
		else
			ranges[kept++] = ranges[i];
	}
	return kept;
}

/* Writes result number @at if @out is long enough. */
static void put(struct iova_range *out, size_t capacity, size_t at, uint64_t start, uint64_t last)
{
	if (at < capacity)
		out[at] = (struct iova_range){start, last};
}

size_t ranges_invert(const struct iova_range *ranges, size_t count, struct iova_range *out,
		     size_t capacity)
{
	uint64_t start = 0;
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (start < ranges[i].start)
			put(out, capacity, found++, start, ranges[i].start - 1);
		start = ranges[i].last + 1;
	}
	/* After a range that ends at 2^64 - 1, start has wrapped to 0 and nothing is left. */
	if (start || !count)
		put(out, capacity, found++, start, UINT64_MAX);
	return found;
}

size_t ranges_intersect(const struct iova_range *a, size_t a_count, const struct iova_range *b,
			size_t b_count, struct iova_range *out, size_t capacity)
{
	size_t i = 0, j = 0, found = 0;

	while (i < a_count && j < b_count) {
		struct iova_range x = a[i], y = b[j];

		if (iova_range_intersects(x, y))
			put(out, capacity, found++, max_u64(x.start, y.start),
			    min_u64(x.last, y.last));
		if (x.last < y.last)
			i++;
		else
			j++;
	}
	return found;
}
