/* SPDX-License-Identifier: MIT */
/* IOMMU_IOAS_GET_INFO. */
#ifndef IOMMUFD_IOAS_INFO_H
#define IOMMUFD_IOAS_INFO_H

struct ucmd;

/* Handler of the table in iommufd/entry/dispatch.c. */
int ioctl_ioas_get_info(struct ucmd *ucmd);

#endif
