/* SPDX-License-Identifier: MIT */
/* The commands that map, copy and unmap. */
#ifndef IOMMUFD_IOAS_MAP_H
#define IOMMUFD_IOAS_MAP_H

#include "iommufd/object/ucmd.h"

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_ioas_map(struct ucmd *ucmd);
int ioctl_ioas_map_file(struct ucmd *ucmd);
int ioctl_ioas_copy(struct ucmd *ucmd);
int ioctl_ioas_unmap(struct ucmd *ucmd);

#endif
