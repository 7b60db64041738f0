/* SPDX-License-Identifier: MIT */
/*
 * Where an address space is used, as a bounded number of runs. A run is a range with mappings in
 * it, which may have holes. Mappings that touch are in one run; when there are too many runs, those
 * with the smallest holes between them are joined. Runs do not join across ranges that are kept
 * apart, so that none covers a reserved range.
 *
 * Invariants (coverage_check()):
 * - runs are in ascending order and neither overlap nor touch;
 * - there are at most 2 * limit runs, after coverage_finish() at most limit;
 * - the mappings and bytes of all runs are those of the whole.
 *
 * Context: one thread at a time for each struct coverage.
 *
 * Cost: O(1) amortised for each mapping, if nothing is kept apart.
 */
#ifndef INSPECT_COVERAGE_H
#define INSPECT_COVERAGE_H

#include <stddef.h>

#include "iova/iova_set.h"

struct coverage_run {
	struct iova_range range;
	uint64_t mappings;
	uint64_t bytes;	     /* that are mapped; fewer than in the range if it has holes */
	unsigned int rights; /* bit n: a mapping has rights n (enum iopt_prot) */
};

struct coverage {
	struct coverage_run *runs; /* space for 2 * limit */
	size_t count, limit;
	uint64_t hole;		      /* runs with no larger hole between them are joined */
	const struct iova_set *apart; /* runs do not join across these; NULL: none */
	uint64_t mappings, bytes;     /* of all runs */
};

/*
 * An empty coverage of at most @limit (not 0) runs, which do not join across ranges of @apart
 * (borrowed; NULL: none), unless there are more than @limit of those. 0 or -ENOMEM.
 */
int coverage_create(struct coverage *coverage, size_t limit, const struct iova_set *apart);
void coverage_destroy(struct coverage *coverage);

/* Adds a mapping with @rights (enum iopt_prot), which lies above all that were added before. */
void coverage_add(struct coverage *coverage, struct iova_range range, unsigned int rights);

/* After the last mapping: joins runs until at most the limit is left. */
void coverage_finish(struct coverage *coverage);

/* Asserts the invariants. Cost: O(n) in the number of runs. */
void coverage_check(const struct coverage *coverage);

#endif
