/* SPDX-License-Identifier: MIT */
/*
 * The index of sources by address in this process: a call of the program that takes memory away
 * finds the sources that it concerns. Maintained only once displacement is enabled. Thread-safe.
 *
 * Cost: adding and removing are O(1). A search looks at the sources near the range, and at all
 * those that have moved with the program's own memory, which are few: memory under DMA seldom
 * moves.
 */
#ifndef MEM_INDEX_H
#define MEM_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem_source;

/* Embedded in a source of addresses. */
struct index_link {
	struct index_link *next;
	struct index_link **link; /* what points to this one */
};

/* From now on sources are indexed. */
void index_enable(void);
bool index_enabled(void);

/* How the index knows a source: bits of its @indexed. */
enum index_presence {
	INDEX_OWN = 1,	  /* at its own addresses */
	INDEX_PLACES = 2, /* by places, or was */
};

bool index_has(const struct mem_source *source, enum index_presence presence);

/* Adds @source at its own addresses. Borrows it until index_remove(). */
void index_add(struct mem_source *source);

/*
 * Pages of a source may be at other addresses than its own: a place. index_place_create() makes one
 * (NULL: no memory), owned by the caller until index_place_destroy() or index_place_add(). The
 * latter says that pages are in [@va, @last]; the index owns the place then, until the source is
 * removed or index_place_forget() is called for a range that contains it.
 */
struct index_place;
struct index_place *index_place_create(struct mem_source *source);
void index_place_destroy(struct index_place *place);
void index_place_add(struct index_place *place, uint64_t va, uint64_t last);
void index_place_forget(const struct mem_source *source, uint64_t va, uint64_t last);

/*
 * None of the pages of @source is at its own addresses any more: it is found by its places only. A
 * page that returns needs index_add() again. Under the lock of @source, as index_add() then.
 */
void index_leave(struct mem_source *source);

/* When it returns, no search finds @source. Does nothing if @source was not added. */
void index_remove(struct mem_source *source);

/*
 * True if a source with pinned pages intersects [@va, @last]; other pages of it may be the pinned
 * ones.
 */
bool index_any(uint64_t va, uint64_t last);

/*
 * Finds these sources, each once: *@out is an array of *@count of them with a reference on each.
 * The caller owns both. 0 or -ENOMEM.
 */
int index_find(uint64_t va, uint64_t last, struct mem_source ***out, size_t *count);

#endif
