/* SPDX-License-Identifier: MIT */
/* HWPTs: IO page tables that mirror an IOAS. */
#ifndef IOMMUFD_HWPT_H
#define IOMMUFD_HWPT_H

#include "iommu/iommu.h"
#include "iommufd/ioas.h"

struct hwpt {
	struct iommufd_object object;
	struct ioas *ioas; /* a user of it */
	struct cds_list_head ioas_link;
	struct iommu_domain *domain;
	bool automatic;
};

/* A HWPT on @ioas for devices behind @iommu (@flags: enum iommu_domain_flags), not yet filled, nor published. 0 or a negative errno. */
int hwpt_create(struct ioas *ioas, struct iommu *iommu, unsigned int flags, struct hwpt **out);

/* Adds it to its IOAS: alignment, aperture, contents (spec 20-hwpt-device, 7 rows 7 to 9). */
int hwpt_add(struct hwpt *hwpt);

/* Undoes hwpt_create(), and hwpt_add() if it was done. The object is neither published nor found any more. */
void hwpt_remove(struct hwpt *hwpt);

/* Drops a user; an automatic HWPT that is left unused goes away. */
void hwpt_put(struct hwpt *hwpt);

#endif
