/* SPDX-License-Identifier: MIT */
/*
 * Where an address space is used, in a bounded number of runs, however many mappings there are:
 * those that touch are one, and when there are too many runs, those with the smallest holes between
 * them become one, but never across what is to be kept apart: a run says nothing false about a
 * reserved range. O(1) amortised per mapping, where nothing is kept apart.
 */
#ifndef IOMMUFD_COVERAGE_H
#define IOMMUFD_COVERAGE_H

#include <stddef.h>

#include "iova/iova_set.h"

struct coverage_run {
	struct iova_range range;
	uint64_t mappings;
	uint64_t bytes; /* mapped; fewer than the range has if it has holes */
};

struct coverage {
	struct coverage_run *runs;
	size_t count, limit;	      /* room for twice the limit */
	uint64_t hole;		      /* runs with no larger hole between them are one */
	const struct iova_set *apart; /* a hole in which one of them lies stays; NULL: none */
	uint64_t mappings, bytes;
};

/*
 * At most @limit (not 0) runs, that do not join across ranges of @apart (borrowed; NULL: none),
 * unless there are too many of those. 0 or -ENOMEM.
 */
int coverage_create(struct coverage *coverage, size_t limit, const struct iova_set *apart);
void coverage_destroy(struct coverage *coverage);

/* Adds a mapping above all that were added before. */
void coverage_add(struct coverage *coverage, struct iova_range range);

/* After the last one: no more than the limit are left. */
void coverage_finish(struct coverage *coverage);

#endif
