/* SPDX-License-Identifier: MIT */
/*
 * VFIO's type1 container on a context: the commands that programs of before iommufd know [COMPAT],
 * which work on the compatibility IOAS.
 */
#ifndef IOMMUFD_COMPAT_H
#define IOMMUFD_COMPAT_H

#include "iommufd/ioas/ioas.h"
#include "iommufd/object/ucmd.h"

/*
 * The compatibility IOAS of VFIO's container: makes one unless there is one (0 or -ENOMEM), and its
 * ID (-ENODEV: none).
 */
int iommufd_compat_ioas_create(struct iommufd_ctx *ctx);
int iommufd_compat_ioas_id(struct iommufd_ctx *ctx, uint32_t *id);

/* The compatibility IOAS, with a user for the caller; NULL: there is none. */
struct ioas *compat_ioas_get(struct iommufd_ctx *ctx);

/* Any command that is not of the table in ioctl.c. */
long compat_ioctl(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, unsigned int cmd,
		  uint64_t arg);

/* VFIO_IOMMU_GET_INFO. */
long compat_get_info(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, uint64_t arg);

#endif
