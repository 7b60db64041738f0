/* SPDX-License-Identifier: MIT */
/* The ranges of IOVA that a device reserves, and those that it permits. */
#ifndef IOMMUFD_DEVICE_RANGES_H
#define IOMMUFD_DEVICE_RANGES_H

#include "iommufd/device/device.h"
#include "iommufd/object/ucmd.h"
#include "iova/iova_set.h"

/*
 * Adds to @reserved (initialised) what attaching the RID of @device reserves in an IOAS, except
 * what lies outside the aperture. 0 or -ENOMEM.
 */
int device_reserved_ranges(const struct iommufd_device *device, struct iova_set *reserved);

/*
 * Sets @permitted (initialised and empty) to what a new IOAS permits with only @device attached,
 * and *@alignment to its alignment then. 0; -ENOMEM; -EOPNOTSUPP: the IOMMU has no automatic
 * tables.
 */
int device_permitted_ranges(const struct iommufd_device *device, struct iova_set *permitted,
			    uint64_t *alignment);

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_resv_iova_ranges(struct ucmd *ucmd);
int ioctl_dev_iova_ranges(struct ucmd *ucmd);

#endif
