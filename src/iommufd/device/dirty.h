/* SPDX-License-Identifier: MIT */
/* Dirty tracking of HWPTs. */
#ifndef IOMMUFD_DIRTY_H
#define IOMMUFD_DIRTY_H

#include "iommufd/object/ucmd.h"

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_hwpt_set_dirty_tracking(struct ucmd *ucmd);
int ioctl_hwpt_get_dirty_bitmap(struct ucmd *ucmd);

#endif
