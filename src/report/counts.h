/* SPDX-License-Identifier: MIT */
/*
 * What was checked: how many calls, mappings, DMAs and interrupts there were, for the line at the
 * end of a run. Counted while recording() only.
 *
 * Threads are spread over several sets of counters, so that they rarely share a cache line.
 */
#ifndef REPORT_COUNTS_H
#define REPORT_COUNTS_H

#include <stdatomic.h>
#include <stdint.h>

enum count {
	COUNT_CALLS, /* of emulated files */
	COUNT_MAPS,
	COUNT_DMAS,
	COUNT_DMA_BYTES,
	COUNT_INTERRUPTS,
	COUNTS,
};

struct counts {
	uint64_t values[COUNTS];
};

/* The set of one thread, which adds to it without an atomic operation. */
struct count_set {
	_Atomic uint64_t values[COUNTS];
} __attribute__((aligned(64)));

/* NULL: the thread has not counted yet, or shares the set of all further threads. */
extern __thread struct count_set *count_own_set __attribute__((tls_model("initial-exec")));

/* count_add() where the thread has no set of its own. */
void count_add_shared(enum count count, uint64_t n);

/* Adds @n to @count. */
static inline void count_add(enum count count, uint64_t n)
{
	_Atomic uint64_t *value;

	if (!count_own_set) {
		count_add_shared(count, n);
		return;
	}
	value = &count_own_set->values[count];
	atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* *@counts: the sums so far. */
void counts_read(struct counts *counts);

/* Begins at 0 again. Context: no other thread counts. */
void counts_reset(void);

#endif
