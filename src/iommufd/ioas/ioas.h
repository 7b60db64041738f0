/* SPDX-License-Identifier: MIT */
/*
 * The IO address space: what is mapped, and which ranges may be (ioas.c: the object and its ranges;
 * area.c: its mappings).
 */
#ifndef IOMMUFD_IOAS_H
#define IOMMUFD_IOAS_H

#include <uiommufd/iommufd.h>

#include "base/check.h"
#include "base/lock.h"
#include "iommu/iommu.h"
#include "iommufd/object/ctx.h"
#include "iova/map.h"
#include "iova/set.h"
#include "mem/source.h"

/*
 * A reserved range and who keeps it reserved: an object (a device, a HWPT; the IOAS itself: a
 * test).
 */
struct ioas_resv {
	struct iova_range range;
	const struct iommufd_object *owner;
};

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
	struct lock lock;	 /* guards what follows, and changes of the HWPTs' tables */
	pthread_cond_t idle;	 /* pinning has become 0, or waiting */
	unsigned int pinning;	 /* MAPs and COPYs that pin just now, without the lock */
	unsigned int waiting;	 /* who waits for that to be 0: no other MAP begins meanwhile */
	struct iova_map areas;	 /* values are struct area */
	struct ioas_resv *resv;
	size_t resv_count, resv_capacity;
	struct iova_set reserved; /* union of resv */
	struct iova_set allowed;
	struct cds_list_head tables; /* struct ioas_table.link, in order of creation */
	unsigned int table_count;
	struct cds_list_head accesses; /* struct access_link, in order of attachment */
	uint64_t access_sequence;      /* of the latest attachment */
	uint64_t alignment;
	bool huge_pages;
};

/* A contiguous range of IOVA and the memory behind it; its range is in the map. */
struct area {
	struct mem_source *source; /* a reference */
	uint64_t start;		   /* byte of the source, counted from the start of its page 0 */
	struct iova_range range;
	uint8_t prot;	/* IOPT_READ, IOPT_WRITE */
	bool prevented; /* accesses get nothing of it any more: it is being unmapped */
	uint32_t pins;	/* of accesses */
	uint32_t locks; /* of internal accesses, which cannot be asked to unpin */
	bool busy;	/* under construction: pinning without the lock */
};

/* Finds an IOAS by its ID and takes a user; NULL: none such. */
static inline struct ioas *ioas_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct ioas *)object_get(ctx, id, OBJECT_IOAS);
}

/* As object_next(), for IOASes. */
static inline struct ioas *ioas_next(struct iommufd_ctx *ctx, uint32_t *id)
{
	return (struct ioas *)object_next(ctx, id, OBJECT_IOAS);
}

/* A new IOAS, with nothing in it, not published yet. NULL: no memory or no ID. */
struct ioas *ioas_create(struct iommufd_ctx *ctx);

/*
 * From now on only leaves of one page in the tables. 0; -EINVAL: there are larger ones;
 * -EADDRINUSE: areas do not conform.
 */
int ioas_disable_huge_pages(struct ioas *ioas);

/*
 * Waits until nobody pins without the lock; MAPs that come later wait for the caller in turn.
 * Caller holds ioas->lock.
 */
void ioas_wait_idle(struct ioas *ioas);

/*
 * Reserves @count ranges for @owner, all or none. -EADDRINUSE: one intersects an area or the
 * allowed list, and iommufd/object/last_error.h says which; -ENOMEM. Caller holds ioas->lock.
 */
int ioas_reserve(struct ioas *ioas, const struct iova_range *ranges, size_t count,
		 const struct iommufd_object *owner);

/* Gives back all that @owner reserved. Caller holds ioas->lock. */
void ioas_unreserve(struct ioas *ioas, const struct iommufd_object *owner);

/* Sets the alignment from what contributes to it now. Caller holds ioas->lock. */
void ioas_update_alignment(struct ioas *ioas);

/* 0 if every area is a multiple of @alignment, or -EADDRINUSE. Caller holds ioas->lock. */
int ioas_check_alignment(struct ioas *ioas, uint64_t alignment);

/*
 * Pins every area (the first HWPT comes), unpins them (the last one went). Caller holds ioas->lock,
 * nobody pins.
 */
int ioas_pin_all(struct ioas *ioas);
void ioas_unpin_all(struct ioas *ioas);

struct dmabuf;

/*
 * Fills @table with every area; on failure it is empty again. Caller holds ioas->lock, nobody pins.
 */
int ioas_fill(struct ioas *ioas, struct ioas_table *table);

/* What a MAP or COPY adds: areas not yet in the map, contiguous in this order. */
struct area_request {
	struct area **areas;
	size_t count;
	uint64_t len; /* of all together */
	bool fixed;
	uint64_t iova; /* in if fixed; out */
};

/*
 * A new area of @len bytes at @start of @source (takes the reference on success). NULL: no memory.
 */
struct area *area_create(struct mem_source *source, uint64_t start, uint64_t len, uint8_t prot);

/*
 * The area of all of @source (takes the reference): in the source's own room, so once for each
 * source.
 */
struct area *area_of_source(struct mem_source *source, uint8_t prot);
void area_free(struct area *area);

/* Starts to fetch @area, and the line before it: its source, if it is in the room of that. */
static inline void area_prefetch(const struct area *area)
{
	__builtin_prefetch((const char *)area - 64);
	__builtin_prefetch(area);
}

uint64_t area_len(const struct area *area);
struct mem_pages area_pages(const struct area *area);

/*
 * Adds the areas of @request and programs every HWPT [IOAS-MAP.8..11]. On failure
 * nothing has changed and the areas are still the caller's.
 */
int ioas_add_areas(struct ioas *ioas, struct area_request *request);

struct ucmd;

/*
 * MAP of the memory that @cmd names [IOAS-MAP.5..11]; cmd->iova becomes what was
 * chosen.
 */
int ioas_map_user(struct ucmd *ucmd, struct iommu_ioas_map *cmd, struct ioas *ioas);

/*
 * Maps all of @source, which it takes also on failure, with the flags of a MAP; *@iova is used with
 * FIXED, and becomes what was chosen. Errors: [IOAS-MAP.8..11].
 */
int ioas_map_source(struct ioas *ioas, struct mem_source *source, uint32_t flags, uint64_t *iova);

/*
 * If @ioas has no huge pages, and @last is inside an area, ends that area there: the rest of it is
 * an area of its own. Errors: [COMPAT-UNMAP].
 */
int ioas_cut(struct ioas *ioas, uint64_t last);

/*
 * Removes whole areas in @range [IOAS-UNMAP.6]. *@unmapped counts bytes, also on failure.
 */
int ioas_unmap_range(struct ioas *ioas, struct iova_range range, uint64_t *unmapped);

/*
 * Tells every access of @ioas (internal ones apart) that @range is going away. Caller holds
 * ioas->lock, which is dropped meanwhile.
 */
void ioas_notify_accesses(struct ioas *ioas, struct iova_range range);

/* Redirects the tables after memory has moved (mem/displace.h). */
struct displace_moved;
void iommufd_sources_moved(const struct displace_moved *moved, size_t count);

/* Takes what is mapped of @dmabuf out of all tables (mem/dmabuf.h). */
void iommufd_dmabuf_revoked(struct dmabuf *dmabuf);

/* Calls @visit for each IOAS of every context, with ioas->lock held. */
void ioas_for_each(void (*visit)(struct ioas *ioas, void *arg), void *arg);

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_ioas_alloc(struct ucmd *ucmd);
int ioctl_ioas_iova_ranges(struct ucmd *ucmd);
int ioctl_ioas_allow_iovas(struct ucmd *ucmd);

#endif
