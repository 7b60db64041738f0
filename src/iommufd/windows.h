/* SPDX-License-Identifier: MIT */
/* Lists of ranges as answers, and what a device permits. */
#ifndef IOMMUFD_WINDOWS_H
#define IOMMUFD_WINDOWS_H

#include "iommufd/device.h"
#include "iommufd/ucmd.h"
#include "iova/iova_set.h"

/*
 * The end of a command that answers with @ranges: fills the caller's array at @array with as many
 * as fit, sets *@num (a field of the command, in: the capacity) to how many there are, and writes
 * the command back. 0; -EFAULT; -EMSGSIZE: they did not fit, but all is written as said.
 */
int ucmd_respond_ranges(struct ucmd *ucmd, uint64_t array, uint32_t *num,
			const struct iova_set *ranges);

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

#endif
