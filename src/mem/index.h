/* SPDX-License-Identifier: MIT */
/*
 * Which sources lie where in this process's memory: lets a system call that takes memory away find
 * those that it takes it from. Kept only once displacement is enabled.
 *
 * Adding and removing are O(1); a search looks at the sources near the range, and at all those that
 * have moved with the program's own memory: few, since memory under DMA seldom moves.
 */
#ifndef MEM_INDEX_H
#define MEM_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem_source;

/* In a source of addresses. */
struct index_link {
	struct index_link *next;
	struct index_link **link; /* what points to this one; NULL: not in the index */
};

/* From now on sources are indexed. */
void index_enable(void);

bool index_enabled(void);

void index_add(struct mem_source *source);

/*
 * Pages of @source are elsewhere, too: a place, which index_place_create() makes (NULL: no memory)
 * and index_place_add() puts at [@va, @last], until the source is removed, or index_place_forget()
 * is called for all that is around it. One that has not been added is freed by
 * index_place_destroy().
 */
struct index_place;
struct index_place *index_place_create(struct mem_source *source);
void index_place_destroy(struct index_place *place);
void index_place_add(struct index_place *place, uint64_t va, uint64_t last);
void index_place_forget(const struct mem_source *source, uint64_t va, uint64_t last);

/* Nothing happens if it was not added. When it returns, no search will find @source. */
void index_remove(struct mem_source *source);

/*
 * True if a source with pinned pages intersects [@va, @last]; it need not be those pages that do.
 */
bool index_any(uint64_t va, uint64_t last);

/*
 * The sources that index_any() means, each once: *@out is an array of *@count with a reference on
 * each, to be freed by the caller. 0 or -ENOMEM.
 */
int index_find(uint64_t va, uint64_t last, struct mem_source ***out, size_t *count);

#endif
