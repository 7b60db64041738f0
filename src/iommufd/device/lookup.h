/* SPDX-License-Identifier: MIT */
/* Where one IOVA leads: in an IOAS (its mapping), and in a table (its leaf). */
#ifndef IOMMUFD_LOOKUP_H
#define IOMMUFD_LOOKUP_H

#include "iommufd/device/hwpt.h"
#include "iommufd/ioas/area.h"

/*
 * Where byte 0 of @area is, in what its source is made of: a VA, or an offset in the file or
 * dma-buf.
 */
uint64_t area_origin(const struct area *area);

/* enum iommu_iova_lookup_kind of @area; the process it is of, 0 for a dma-buf. */
uint32_t area_lookup_kind(const struct area *area);
uint32_t area_lookup_pid(const struct area *area);

/*
 * True if the page that @iova is in is pinned. Caller holds ioas->lock; @area is not busy and holds
 * @iova.
 */
bool area_pinned_at(const struct area *area, uint64_t iova);

/*
 * The area of @ioas that holds @iova and is not under construction, or NULL. Caller holds
 * ioas->lock.
 */
struct area *ioas_find_area(const struct ioas *ioas, uint64_t iova);

/*
 * The leaf of @mirror, a table of @ioas, that holds @iova; false: there is none, or it is under
 * construction. Caller holds ioas->lock.
 */
bool ioas_find_leaf(const struct ioas *ioas, const struct ioas_table *mirror, uint64_t iova,
		    struct iopt_leaf *leaf);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_iova_lookup(struct ucmd *ucmd);

#endif
