/* SPDX-License-Identifier: MIT */
/*
 * The index of sources by address: a call of the program that takes memory away finds the sources
 * that it concerns, among those of its own address space. Maintained only once displacement is
 * enabled. Thread-safe.
 *
 * Cost: adding and removing are O(1); a source looks through its own places to forget some. A
 * search looks at the sources and the places near the range.
 */
#ifndef MEM_INDEX_H
#define MEM_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem_source;
struct uiommufd_caller;

/* Embedded in a source, for a list of sources. */
struct index_link {
	struct index_link *next;
	struct index_link **link; /* what points to this one */
};

static inline void index_link_push(struct index_link **list, struct index_link *link)
{
	link->next = *list;
	link->link = list;
	if (*list)
		(*list)->link = &link->next;
	*list = link;
}

static inline void index_link_remove(struct index_link *link)
{
	*link->link = link->next;
	if (link->next)
		link->next->link = link->link;
}

/* From now on sources are indexed. */
void index_enable(void);
bool index_enabled(void);

/* How the index knows a source: bits of its @indexed. */
enum index_presence {
	INDEX_OWN = 1,	  /* at its own addresses */
	INDEX_PLACES = 2, /* by places, or was */
	INDEX_AWAY = 4,	  /* in the list of those with no page at their own addresses */
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

/* When it returns, nothing finds @source. Does nothing if @source was not added. */
void index_remove(struct mem_source *source);

/*
 * True if a source with pinned pages of the address space of @owner (NULL: of this process)
 * intersects [@va, @last]; other pages of it may be the pinned ones.
 */
bool index_any(const struct uiommufd_caller *owner, uint64_t va, uint64_t last);

/* An array of sources, with a reference on each. Starts zeroed. */
struct source_list {
	struct mem_source **sources;
	size_t count, capacity;
};

/* Adds @source, and takes a reference, unless its last one is gone. 0 or -ENOMEM. */
int source_list_add(struct source_list *list, struct mem_source *source);

/* Leaves each source in the list once. */
void source_list_unify(struct source_list *list);

/* Puts the references. These may be the last ones: no lock of a source may be held. */
void source_list_destroy(struct source_list *list);

/* Adds the sources of index_any() to @list, each once. 0 or -ENOMEM. */
int index_find(const struct uiommufd_caller *owner, uint64_t va, uint64_t last,
	       struct source_list *list);

/*
 * Adds all sources with pinned pages, of all address spaces, also those of which no page is the
 * program's any more.
 */
int index_find_all(struct source_list *list);

/* For tests: how many places have been looked at in searches. */
uint64_t index_places_looked_at(void);

/* Whether there is any source. A few loads. */
bool index_in_use(void);

#endif
