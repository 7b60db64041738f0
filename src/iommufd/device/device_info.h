/* SPDX-License-Identifier: MIT */
/* IOMMU_GET_HW_INFO. */
#ifndef IOMMUFD_DEVICE_INFO_H
#define IOMMUFD_DEVICE_INFO_H

#include "iommufd/object/ucmd.h"

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_get_hw_info(struct ucmd *ucmd);

#endif
