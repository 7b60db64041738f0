/* SPDX-License-Identifier: MIT */
/* IOMMU_HWPT_ALLOC. */
#ifndef IOMMUFD_HWPT_ALLOC_H
#define IOMMUFD_HWPT_ALLOC_H

#include "iommufd/object/ucmd.h"

/* Handler of the table in iommufd/entry/dispatch.c. */
int ioctl_hwpt_alloc(struct ucmd *ucmd);

#endif
