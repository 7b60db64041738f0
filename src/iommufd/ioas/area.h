/* SPDX-License-Identifier: MIT */
/*
 * Areas: the mappings of an IO address space, and how they come into and out of its page tables
 * (area.c).
 */
#ifndef IOMMUFD_AREA_H
#define IOMMUFD_AREA_H

#include "iommufd/ioas/ioas.h"
#include "mem/source.h"
#include "report/origin.h"

/* A contiguous range of IOVA and the memory behind it. */
struct area {
	struct mem_source *source; /* a reference */
	uint64_t start;		   /* byte of the source, counted from the start of its page 0 */
	struct iova_range range;   /* as in the map */
	uint8_t prot;		   /* IOPT_READ, IOPT_WRITE */
	bool prevented;		   /* being unmapped: accesses get no new pins */
	uint8_t touched; /* enum iopt_prot: what devices have used; while it is observed */
	uint32_t pins;	 /* of accesses */
	uint32_t locks;	 /* of internal accesses, which cannot be asked to unpin */
	bool busy;	 /* under construction: being pinned without the lock */
};

/* What a MAP or COPY adds: areas not yet in the map, contiguous in this order. */
struct area_request {
	struct area **areas;
	size_t count;
	uint64_t len; /* of all together */
	bool fixed;
	uint64_t iova; /* in if fixed; out */
};

/*
 * Creates an area of @len bytes at @start of @source. Takes the reference on success. NULL: no
 * memory.
 */
struct area *area_create(struct mem_source *source, uint64_t start, uint64_t len, uint8_t prot);

/*
 * Creates the area of all of @source, once for each source: in the space that the source has for
 * its creator. Takes the reference.
 */
struct area *area_of_source(struct mem_source *source, uint8_t prot);

/* Frees an area that is in no map, and puts its source. */
void area_free(struct area *area);

/* Prefetches @area, and the line before it: its source, if the area lies in the source's space. */
static inline void area_prefetch(const struct area *area)
{
	__builtin_prefetch((const char *)area - 64);
	__builtin_prefetch(area);
}

static inline uint64_t area_len(const struct area *area)
{
	return iova_range_len(area->range);
}

struct mem_pages area_pages(const struct area *area);

/* The call that mapped @area; NULL: it was not recorded. */
const struct origin *area_mapped_by(const struct area *area);

/* The program's address of @area; of a file, its position there. */
uint64_t area_address(const struct area *area);

/*
 * Adds the areas of @request and programs every HWPT [IOAS-MAP.8..11]. On failure nothing has
 * changed and the areas are still the caller's.
 */
int ioas_add_areas(struct ioas *ioas, struct area_request *request) EXCLUDES(ioas->lock);

/* Removes whole areas in @range [IOAS-UNMAP.6]. *@unmapped counts bytes, also on failure. */
int ioas_unmap_range(struct ioas *ioas, struct iova_range range, uint64_t *unmapped)
	EXCLUDES(ioas->lock);

/* Pins every area for the first HWPT; unpins them after the last one. No MAP or COPY pins. */
int ioas_pin_all(struct ioas *ioas) REQUIRES(ioas->lock);
void ioas_unpin_all(struct ioas *ioas) REQUIRES(ioas->lock);

/* Fills @table with every area; on failure it is empty again. No MAP or COPY pins. */
int ioas_fill(struct ioas *ioas, struct ioas_table *table) REQUIRES(ioas->lock);

#endif
