/* SPDX-License-Identifier: MIT */
/*
 * A scale for pictures of a 64-bit address space. Every place where something begins or ends is a
 * boundary; between two of them lies a segment, which gets a width by what is in it: something
 * used, by the logarithm of its size; nothing, a little. So a page and the exbibyte beside it are
 * both seen.
 */
#ifndef CMD_SCALE_H
#define CMD_SCALE_H

#include <stdbool.h>
#include <stddef.h>

#include "iova/range.h"

struct scale_segment {
	struct iova_range range;
	bool used;
	double x, width;
};

struct scale {
	struct scale_segment *segments;
	size_t count, capacity;
};

/* One segment, the whole space. False: no memory. */
bool scale_create(struct scale *scale);
void scale_destroy(struct scale *scale);

/*
 * Makes boundaries at both ends of @range. Without memory it has none, and is drawn somewhat wider.
 */
void scale_add(struct scale *scale, struct iova_range range);

/* The same, and says that @range is used. */
void scale_use(struct scale *scale, struct iova_range range);

/*
 * Gives the segments their places from @x on. Returns the right end: about @width away, more if
 * that is too little.
 */
double scale_finish(struct scale *scale, double x, double width);

/* Where @range is drawn. */
void scale_place(const struct scale *scale, struct iova_range range, double *x, double *width);

#endif
