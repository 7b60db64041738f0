/* SPDX-License-Identifier: MIT */
/*
 * What is mapped in an IO address space, in as few runs as a person can take in. Neighbours with
 * the smallest holes between them become one run, but not across the end of what is permitted or of
 * a window, as long as there is room for that.
 */
#ifndef CMD_RUNS_H
#define CMD_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "iova/range.h"

struct json_object;

struct run {
	struct iova_range range;
	uint64_t mappings;
	uint64_t bytes; /* mapped: fewer than the range has, if it has holes; 0 stands for 2^64 */
};

/* The runs of @ioas (of the state), at most @max (not 0), ascending. Returns how many. */
size_t runs_read(struct json_object *ioas, struct run *runs, size_t max);

#endif
