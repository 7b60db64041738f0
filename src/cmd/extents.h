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
	unsigned int rights; /* of its mappings: EXTENT_READ, EXTENT_WRITE, EXTENT_BOTH */
};

enum {
	EXTENT_READ = 1,
	EXTENT_WRITE = 2,
	EXTENT_BOTH = 4,
};

/* The rights of @extent: "rw", or "r+rw" if not all of its mappings have the same. */
const char *extent_rights(const struct extent *extent);

/* The extents of @ioas (of the state), at most @max (not 0), ascending. Returns how many. */
size_t extents_read(struct json_object *ioas, struct extent *extents, size_t max);

#endif
