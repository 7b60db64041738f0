/* SPDX-License-Identifier: MIT */
/* A range of IO virtual addresses. Both ends are inclusive: one range is the whole 64-bit space. */
#ifndef IOVA_RANGE_H
#define IOVA_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct iova_range {
	uint64_t start;
	uint64_t last; /* >= start */
};

#define IOVA_RANGE_ALL ((struct iova_range){.start = 0, .last = UINT64_MAX})

static inline bool iova_range_intersects(struct iova_range a, struct iova_range b)
{
	return a.start <= b.last && b.start <= a.last;
}

/* True if @inner lies inside @outer. */
static inline bool iova_range_contains(struct iova_range outer, struct iova_range inner)
{
	return outer.start <= inner.start && inner.last <= outer.last;
}

/* Bytes in @range; 0 stands for 2^64. */
static inline uint64_t iova_range_len(struct iova_range range)
{
	return range.last - range.start + 1;
}

#endif
