/* SPDX-License-Identifier: MIT */
/* Lists of ranges as answers, and what a device permits. */
#ifndef IOMMUFD_WINDOWS_H
#define IOMMUFD_WINDOWS_H

#include "iommufd/device/device.h"
#include "iommufd/object/ucmd.h"
#include "iova/set.h"

/*
 * What attaching the RID of @device reserves in an IOAS, the aperture apart, into @reserved
 * (initialised). 0 or -ENOMEM.
 */
int device_reserved_ranges(const struct iommufd_device *device, struct iova_set *reserved);

/*
 * What a fresh IOAS permits with @device alone attached to it, into @permitted (initialised), and
 * the alignment it asks for. 0; -ENOMEM; -EOPNOTSUPP: no table for it is made by itself.
 */
int device_permitted_ranges(const struct iommufd_device *device, struct iova_set *permitted,
			    uint64_t *alignment);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_resv_iova_ranges(struct ucmd *ucmd);
int ioctl_dev_iova_ranges(struct ucmd *ucmd);

#endif
