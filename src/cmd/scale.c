/* SPDX-License-Identifier: MIT */
/* See scale.h. Cost: a binary search for each range; inserting a boundary moves the array. */
#include "cmd/scale.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/*
 * Shares of the width: of an unused segment; of a used one; and per doubling of a used one's size.
 */
#define SHARE_EMPTY  2.0
#define SHARE_USED   3.0
#define SHARE_DOUBLE 0.25

/*
 * The width of the narrowest segment, in units of the picture, and the width of the whole from
 * which on it becomes less.
 */
#define WIDTH_MIN  7.0
#define CROWDED_AT 2400.0

bool scale_create(struct scale *scale)
{
	*scale = (struct scale){.count = 1, .capacity = 64};
	scale->segments = calloc(scale->capacity, sizeof(*scale->segments));
	if (!scale->segments)
		return false;
	scale->segments[0].range = IOVA_RANGE_ALL;
	return true;
}

void scale_destroy(struct scale *scale)
{
	free(scale->segments);
}

/* The segment that holds @iova. */
static size_t find(const struct scale *scale, uint64_t iova)
{
	size_t low = 0, high = scale->count - 1;

	while (low < high) {
		size_t middle = (low + high + 1) / 2;

		if (scale->segments[middle].range.start <= iova)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static bool grow(struct scale *scale)
{
	struct scale_segment *segments;

	if (scale->count < scale->capacity)
		return true;
	segments = reallocarray(scale->segments, 2 * scale->capacity, sizeof(*segments));
	if (!segments)
		return false;
	scale->segments = segments;
	scale->capacity *= 2;
	return true;
}

/* Makes a segment begin at @iova. */
static void cut(struct scale *scale, uint64_t iova)
{
	size_t at = find(scale, iova);
	struct scale_segment *segment;

	if (scale->segments[at].range.start == iova || !grow(scale))
		return;
	segment = &scale->segments[at];
	memmove(segment + 1, segment, (scale->count - at) * sizeof(*segment));
	scale->count++;
	segment[0].range.last = iova - 1;
	segment[1].range.start = iova;
}

void scale_add(struct scale *scale, struct iova_range range)
{
	cut(scale, range.start);
	if (range.last != UINT64_MAX)
		cut(scale, range.last + 1);
}

void scale_use(struct scale *scale, struct iova_range range)
{
	scale_add(scale, range);
	for (size_t i = find(scale, range.start); i <= find(scale, range.last); i++)
		scale->segments[i].used = true;
}

static double share(const struct scale_segment *segment)
{
	uint64_t len = iova_range_len(segment->range);

	if (!segment->used)
		return SHARE_EMPTY;
	return SHARE_USED + SHARE_DOUBLE * (len ? (double)log2_floor(len) : 64.0);
}

double scale_finish(struct scale *scale, double x, double width)
{
	const double crowded = CROWDED_AT / (double)scale->count;
	const double least = crowded < WIDTH_MIN ? crowded : WIDTH_MIN;
	double sum = 0;

	for (size_t i = 0; i < scale->count; i++)
		sum += share(&scale->segments[i]);
	for (size_t i = 0; i < scale->count; i++) {
		struct scale_segment *segment = &scale->segments[i];

		segment->x = x;
		segment->width = width * share(segment) / sum;
		if (segment->width < least)
			segment->width = least;
		x += segment->width;
	}
	return x;
}

void scale_place(const struct scale *scale, struct iova_range range, double *x, double *width)
{
	const struct scale_segment *first = &scale->segments[find(scale, range.start)];
	const struct scale_segment *last = &scale->segments[find(scale, range.last)];

	*x = first->x;
	*width = last->x + last->width - first->x;
}
