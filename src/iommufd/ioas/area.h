/* SPDX-License-Identifier: MIT */
/*
 * Areas: the mappings of an IO address space, and how they come into and out of its page tables
 * (area.c).
 */
#ifndef IOMMUFD_AREA_H
#define IOMMUFD_AREA_H

#include "base/pool.h"
#include "iommufd/ioas/ioas.h"
#include "mem/source.h"
#include "report/origin.h"

/*
 * A contiguous range of IOVA and the memory behind it: all of a source, in whose space it lies, or
 * a part, in the pool of areas. Guarded by the lock of the IOAS whose map it is in.
 */
struct area {
	uint64_t iova;	     /* of its first byte, once it is in the map */
	uint32_t pins;	     /* of accesses */
	uint16_t locks;	     /* of internal accesses, which cannot be asked to unpin */
	uint8_t prot;	     /* IOPT_READ, IOPT_WRITE */
	uint8_t touched : 2; /* enum iopt_prot: what devices have used; while it is observed */
	bool prevented : 1;  /* being unmapped: accesses get no new pins */
	bool busy : 1;	     /* under construction: being pinned without the lock */
};

enum {
	AREA_LOCKS_MAX = UINT16_MAX
};

/* An area in the pool. Only these can be recorded. */
struct pool_area {
	struct area area;
	struct mem_source *source; /* a reference */
	uint64_t start;		   /* byte of the source, counted from the start of its page 0 */
	uint64_t len;
	struct origin origin; /* the call that mapped it; time 0: not recorded */
};

/* What a MAP or COPY adds: areas not yet in the map, contiguous in this order. */
struct area_request {
	struct area **areas;
	size_t count;
	uint64_t len; /* of all together */
	bool fixed;
	bool prefetched; /* by ioas_prefetch() */
	uint64_t iova;	 /* in if fixed; out */
};

/*
 * Creates an area of @len bytes at @start of @source. Takes the reference on success. NULL: no
 * memory.
 */
struct area *area_create(struct mem_source *source, uint64_t start, uint64_t len, uint8_t prot);

/*
 * Creates an area with the rights @prot to @len bytes of @area, from its byte @offset on, with a
 * reference of its own. NULL: no memory.
 */
struct area *area_create_part(const struct area *area, uint64_t offset, uint64_t len, uint8_t prot);

/*
 * Creates the area of all of @source, once for each source: in the space that the source has for
 * its creator. Takes the reference.
 */
struct area *area_of_source(struct mem_source *source, uint8_t prot);

/*
 * Creates an area with the rights of @area for its first @len bytes, to take its place: with its
 * IOVA and its reference, and @area is not used any more. NULL: no memory.
 */
struct area *area_create_head(const struct area *area, uint64_t len);

/* Frees an area that is in no map, and puts its source. */
void area_free(struct area *area);

/* Frees an area that is in no map, without its source's reference, which another area has now. */
void area_free_only(struct area *area);

/* Prefetches @area, and its source, if the area lies in the source's space: one line. */
static inline void area_prefetch(const struct area *area)
{
	__builtin_prefetch(area);
}

/* Objects of the pool begin a cache line; the space of a source does not. */
static inline bool area_in_pool(const struct area *area)
{
	return !((uintptr_t)area % POOL_ALIGNMENT);
}

static inline const struct pool_area *area_pooled(const struct area *area)
{
	return (const struct pool_area *)(const void *)area;
}

static inline struct mem_source *area_source(const struct area *area)
{
	return area_in_pool(area) ? area_pooled(area)->source : mem_source_of_owner_data(area);
}

/* Byte of the source at which @area begins, counted from the start of its page 0. */
static inline uint64_t area_start(const struct area *area)
{
	return area_in_pool(area) ? area_pooled(area)->start
				  : mem_source_offset(mem_source_of_owner_data(area));
}

static inline uint64_t area_len(const struct area *area)
{
	return area_in_pool(area) ? area_pooled(area)->len
				  : mem_source_len(mem_source_of_owner_data(area));
}

static inline uint64_t area_last(const struct area *area)
{
	return area->iova + (area_len(area) - 1);
}

static inline struct iova_range area_range(const struct area *area)
{
	return (struct iova_range){.start = area->iova, .last = area_last(area)};
}

struct mem_pages area_pages(const struct area *area);

/* The call that mapped @area; NULL: it was not recorded. */
const struct origin *area_mapped_by(const struct area *area);

/* The program's address of @area; of a file, its position there. */
uint64_t area_address(const struct area *area);

/*
 * Starts to fetch what adding an area at @iova will touch, in the map and in the tables: an early
 * request saves a large IOAS in random order a wait for memory.
 */
void ioas_prefetch(const struct ioas *ioas, uint64_t iova) REQUIRES(ioas->lock);

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
