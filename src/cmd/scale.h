/* SPDX-License-Identifier: MIT */
/*
 * A scale for pictures of a 64-bit address space. Each address where something begins or ends is a
 * boundary, and between two boundaries lies a segment. A used segment is as wide as the logarithm
 * of its size, an unused one has a small fixed width: a page and the exbibyte beside it are both
 * visible.
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
 * Makes boundaries at both ends of @range. If memory is short they are missing, and the range is
 * drawn wider than it is.
 */
void scale_add(struct scale *scale, struct iova_range range);

/* Like scale_add(), and marks @range as used. */
void scale_use(struct scale *scale, struct iova_range range);

/*
 * Places the segments from @x on. Returns the right end, about @width away, or more if there are
 * too many segments for that.
 */
double scale_finish(struct scale *scale, double x, double width);

/* Where @range is drawn. */
void scale_place(const struct scale *scale, struct iova_range range, double *x, double *width);

#endif
