/* SPDX-License-Identifier: MIT */
/*
 * Which areas of an IOAS lead to pages of a source. Only memory that moves (area_move.c) asks for
 * that, which most programs never have: so the index is made for the first question in an IOAS with
 * many areas, and kept up to date from then on. Without it (also when there was no memory for it)
 * all areas are looked at.
 *
 * Guarded by the lock of the IOAS. It is one of the observers of base/observe.h, so programs
 * without it pay nothing. Cost: O(1) for each area that comes or goes, however many lead to the
 * same source; a question looks at the areas near its pages.
 */
#ifndef IOMMUFD_AREA_INDEX_H
#define IOMMUFD_AREA_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "mem/source.h"

struct area;
struct index_link;
struct ioas;

enum {
	AREA_INDEX_TIERS = 5, /* of areas, by how many pages they have */
};

/* Starts zeroed: no index. */
struct area_index {
	struct index_link **by_pages; /* NULL: no index */
	struct index_link **by_area;
	size_t count;
	size_t in_tier[AREA_INDEX_TIERS];
	unsigned int bits; /* log2 of the lists in each table */
};

/* Makes the index of @ioas unless it is there. False: there is none. */
bool area_index_make(struct ioas *ioas);

/*
 * Calls @visit for each area that leads to any of @pages of @source, and for some that lead to
 * other pages of it. There is an index; @visit must not change it.
 */
void area_index_for_each(const struct area_index *index, const struct mem_source *source,
			 struct mem_pages pages, void (*visit)(struct area *area, void *arg),
			 void *arg);

void area_index_destroy(struct area_index *index);

/* @area is in the map, and not busy any more; it has left the map. Nothing without an index. */
void area_index_add(struct area_index *index, struct area *area);
void area_index_remove(struct area_index *index, const struct area *area);

#endif
