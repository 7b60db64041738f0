/* SPDX-License-Identifier: MIT */
/*
 * What was unmapped from an IO address space: the latest of its mappings that are gone, each with
 * who mapped it and who unmapped it.
 *
 * The owner (the IOAS) serialises all calls. Cost: adding writes one entry; a search reads all.
 */
#ifndef REPORT_HISTORY_H
#define REPORT_HISTORY_H

#include <stddef.h>

#include "iova/range.h"
#include "report/origin.h"

struct history;

struct history_entry {
	struct iova_range range;
	struct origin mapped, unmapped;
	uint64_t unmaps; /* history_unmaps() just before */
};

/* NULL: recording is off, the history has no entries (--history=0), or no memory. */
struct history *history_create(void);
void history_destroy(struct history *history);

/* Adds *@entry, and forgets the oldest if there are too many. */
void history_add(struct history *history, const struct history_entry *entry);

/* The latest entry with @iova in its range, or NULL. @history may be NULL. */
const struct history_entry *history_find(const struct history *history, uint64_t iova);

/* How many entries a new history has room for. Context: before recording is turned on. */
void history_set_size(size_t entries);

/*
 * How many UNMAPs there have been, in all address spaces: what was unmapped after a moment has a
 * count that is not below that of the moment. Counted while recording() only.
 */
extern _Atomic uint64_t history_unmap_count;

static inline uint64_t history_unmaps(void)
{
	return atomic_load_explicit(&history_unmap_count, memory_order_relaxed);
}

/* Counts an UNMAP that begins; returns the count before. */
static inline uint64_t history_begin_unmap(void)
{
	return atomic_fetch_add_explicit(&history_unmap_count, 1, memory_order_relaxed);
}

#endif
