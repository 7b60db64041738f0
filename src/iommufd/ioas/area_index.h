/* SPDX-License-Identifier: MIT */
/*
 * Which areas of an IOAS a source is behind. Only memory that moves (area_move.c) asks for that,
 * which most programs never have: so the index is made for the first question in an IOAS with many
 * areas, and kept up to date from then on. Without it (also when there was no memory for it) all
 * areas are looked at.
 *
 * A hash table of areas by their source, with linear probing. Guarded by the lock of the IOAS. It
 * is one of the observers of base/observe.h, so programs without it pay nothing. Cost: O(1) for
 * each area.
 */
#ifndef IOMMUFD_AREA_INDEX_H
#define IOMMUFD_AREA_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct area;
struct ioas;
struct mem_source;

/* Starts zeroed: no index. */
struct area_index {
	struct area **slots;
	size_t count;
	unsigned int bits; /* log2 of the number of slots */
};

/* Makes the index of @ioas unless it is there. False: there is none. */
bool area_index_make(struct ioas *ioas);

/* Calls @visit for each area of @source. There is an index; @visit must not change it. */
void area_index_for_each(const struct area_index *index, const struct mem_source *source,
			 void (*visit)(struct area *area, void *arg), void *arg);

void area_index_destroy(struct area_index *index);

/* @area is in the map, and not busy any more; it has left the map. Nothing without an index. */
void area_index_add(struct area_index *index, struct area *area);
void area_index_remove(struct area_index *index, const struct area *area);

#endif
