/* SPDX-License-Identifier: MIT */
/* IOMMU_OPTION and IOMMU_VFIO_IOAS. */
#ifndef IOMMUFD_OPTIONS_H
#define IOMMUFD_OPTIONS_H

#include "iommufd/object/ucmd.h"

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_option(struct ucmd *ucmd);
int ioctl_vfio_ioas(struct ucmd *ucmd);

#endif
