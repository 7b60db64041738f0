/* SPDX-License-Identifier: MIT */
/* What one IOVA leads to: in an IOAS its area, in a table its leaf. */
#ifndef IOMMUFD_LOOKUP_H
#define IOMMUFD_LOOKUP_H

#include "iommufd/device/hwpt.h"
#include "iommufd/ioas/area.h"

/* The VA of the first byte of @area, or its offset in the file or dma-buf. */
uint64_t area_origin(const struct area *area);

/* The enum iommu_iova_lookup_kind of @area; the process that mapped it, 0 for a dma-buf. */
uint32_t area_lookup_kind(const struct area *area);
uint32_t area_lookup_pid(const struct area *area);

/* True if the page at @iova is pinned. @area, under its IOAS's lock, contains @iova, not busy. */
bool area_pinned_at(const struct area *area, uint64_t iova);

/* The area of @ioas that contains @iova and is not under construction, or NULL. */
struct area *ioas_find_area(const struct ioas *ioas, uint64_t iova) REQUIRES(ioas->lock);

/*
 * The leaf of @mirror, a table of @ioas, that contains @iova. False: there is none, or its area is
 * under construction.
 */
bool ioas_find_leaf(const struct ioas *ioas, const struct ioas_table *mirror, uint64_t iova,
		    struct iopt_leaf *leaf) REQUIRES(ioas->lock);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_iova_lookup(struct ucmd *ucmd);

#endif
