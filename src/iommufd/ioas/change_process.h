/* SPDX-License-Identifier: MIT */
/* IOMMU_IOAS_CHANGE_PROCESS. */
#ifndef IOMMUFD_CHANGE_PROCESS_H
#define IOMMUFD_CHANGE_PROCESS_H

#include "iommufd/object/ucmd.h"

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_ioas_change_process(struct ucmd *ucmd);

#endif
