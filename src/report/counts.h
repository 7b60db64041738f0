/* SPDX-License-Identifier: MIT */
/*
 * What was checked: how many calls, mappings, DMAs and interrupts there were, for the line at the
 * end of a run. Counted while recording() only.
 *
 * Threads are spread over several sets of counters, so that they rarely share a cache line.
 */
#ifndef REPORT_COUNTS_H
#define REPORT_COUNTS_H

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

/* Adds @n to @count. */
void count_add(enum count count, uint64_t n);

/* *@counts: the sums so far. */
void counts_read(struct counts *counts);

/* Begins at 0 again. Context: no other thread counts. */
void counts_reset(void);

#endif
