/* SPDX-License-Identifier: MIT */
/* How areas come into and out of the tables of an IOAS. */
#ifndef IOMMUFD_AREA_TABLE_H
#define IOMMUFD_AREA_TABLE_H

#include "iommufd/ioas/area.h"

/* Puts all of @area into @table, or nothing. Memory that has been revoked is skipped. */
int area_fill(struct ioas *ioas, struct ioas_table *table, const struct area *area)
	REQUIRES(ioas->lock);

/* Puts @area into every table, or into none. */
int area_fill_all(struct ioas *ioas, const struct area *area) REQUIRES(ioas->lock);

/*
 * Takes the areas in @range, each of which lies inside it, out of the tables before @end (NULL: all
 * tables).
 */
void range_unfill(struct ioas *ioas, struct iova_range range, const struct ioas_table *end)
	REQUIRES(ioas->lock);

/* Takes @area out of the tables before @end (NULL: all tables). */
void area_unfill(struct ioas *ioas, const struct area *area, const struct ioas_table *end)
	REQUIRES(ioas->lock);

/* Waits for the DMA in flight, which may still see what was unmapped. */
void ioas_quiesce(struct ioas *ioas) REQUIRES(ioas->lock);

#endif
