/* SPDX-License-Identifier: MIT */
/* IOMMU_OPTION and IOMMU_VFIO_IOAS. */
#ifndef IOMMUFD_OPTIONS_H
#define IOMMUFD_OPTIONS_H

#include "iommufd/ioas/ioas.h"
#include "iommufd/object/ucmd.h"

/*
 * From now on the tables get leaves of one page only. 0; -EINVAL: there are areas in tables
 * already; -EADDRINUSE: areas are not multiples of the page.
 */
int ioas_disable_huge_pages(struct ioas *ioas);

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_option(struct ucmd *ucmd);
int ioctl_vfio_ioas(struct ucmd *ucmd);

#endif
