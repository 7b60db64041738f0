/* SPDX-License-Identifier: MIT */
/*
 * The IO address space: the object, and the ranges of IOVA that it may use (ioas.c). Its mappings
 * are areas (area.h).
 */
#ifndef IOMMUFD_IOAS_H
#define IOMMUFD_IOAS_H

#include <uiommufd/iommufd.h>

#include "base/check.h"
#include "base/lock.h"
#include "iommu/iommu.h"
#include "iommufd/ioas/area_index.h"
#include "iommufd/ioas/reserved.h"
#include "iommufd/object/ctx.h"
#include "iova/iova_map.h"
#include "iova/iova_set.h"
#include "report/history.h"

/*
 * A page table that mirrors an IOAS: the part of a HWPT that the IOAS knows. While it is on the
 * list, it maps every area that is not busy.
 */
struct ioas_table {
	struct cds_list_head link; /* of ioas->tables */
	struct iommu_domain *domain;
};

struct ioas {
	struct iommufd_object object;
	struct lock attach_lock; /* choosing, creating and freeing automatic HWPTs */
	struct lock lock;	 /* guards the rest, and changes of the HWPTs' tables */
	struct condition idle;	 /* pinning or waiting has become 0 */
	unsigned int pinning;	 /* MAPs and COPYs that are pinning, without the lock */
	unsigned int waiting;	 /* threads in ioas_wait_idle(): until 0, no further MAP begins */
	struct iova_map areas;	 /* values are struct area */
	struct area_index index; /* of all in the map */
	struct reserved resv;
	struct iova_set reserved; /* all of resv */
	struct iova_set allowed;
	struct cds_list_head tables; /* struct ioas_table.link, in order of creation */
	unsigned int table_count;
	struct cds_list_head listeners; /* struct ioas_listener.link */
	struct cds_list_head accesses;	/* struct access_link, in order of attachment */
	uint64_t access_sequence;	/* of the latest attachment */
	uint64_t alignment;
	bool huge_pages;
	bool ranges_known;	 /* the program has asked for its ranges since they last changed */
	struct history *history; /* what was unmapped; NULL: it is not recorded */
};

/* Finds an IOAS by its ID and takes a user; NULL: none. */
static inline struct ioas *ioas_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct ioas *)object_get(ctx, id, OBJECT_IOAS);
}

/* Like object_next(), for IOASes. */
static inline struct ioas *ioas_next(struct iommufd_ctx *ctx, uint32_t *id)
{
	return (struct ioas *)object_next(ctx, id, OBJECT_IOAS);
}

/* Creates an empty IOAS, not published yet. NULL: no memory or no ID. */
struct ioas *ioas_create(struct iommufd_ctx *ctx);

/*
 * Waits until no MAP or COPY pins without the lock. Those that begin meanwhile wait for the caller
 * in turn.
 */
void ioas_wait_idle(struct ioas *ioas) REQUIRES(ioas->lock);

/*
 * Reserves @count ranges for @owner, all or none. -EADDRINUSE: one intersects an area or the
 * allowed list, and base/last_error.h says which; -ENOMEM.
 */
int ioas_reserve(struct ioas *ioas, const struct iova_range *ranges, size_t count,
		 const struct iommufd_object *owner) REQUIRES(ioas->lock);

/* Gives back all that @owner reserved. Never fails. */
void ioas_unreserve(struct ioas *ioas, const struct iommufd_object *owner) REQUIRES(ioas->lock);

/* Derives the alignment again, from the tables, the accesses and the huge page option. */
void ioas_update_alignment(struct ioas *ioas) REQUIRES(ioas->lock);

/* 0 if every area is a multiple of @alignment, or -EADDRINUSE. */
int ioas_check_alignment(struct ioas *ioas, uint64_t alignment) REQUIRES(ioas->lock);

/* Calls @visit for each IOAS of every context, with ioas->lock held. */
void ioas_for_each(void (*visit)(struct ioas *ioas, void *arg), void *arg);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_ioas_alloc(struct ucmd *ucmd);
int ioctl_ioas_iova_ranges(struct ucmd *ucmd);
int ioctl_ioas_allow_iovas(struct ucmd *ucmd);

#endif
