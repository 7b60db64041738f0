/* SPDX-License-Identifier: MIT */
/*
 * What is mapped in an IO address space, as a limited number of extents. Neighbours with the
 * smallest holes between them are joined; across the end of what is permitted or of a window only
 * if the limit cannot be met otherwise.
 */
#ifndef CMD_EXTENTS_H
#define CMD_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "iova/range.h"

struct json_object;

struct extent {
	struct iova_range range;
	uint64_t mappings;
	uint64_t bytes; /* mapped: less than the range's length if it has holes; 0 means 2^64 */
};

/* The extents of @ioas (of the state), at most @max (not 0), ascending. Returns how many. */
size_t extents_read(struct json_object *ioas, struct extent *extents, size_t max);

#endif
