/* SPDX-License-Identifier: MIT */
/*
 * VFIO's type1 container on a context [COMPAT]: the commands of programs that predate iommufd. They
 * work on one IOAS of the context, the compatibility IOAS.
 */
#ifndef IOMMUFD_COMPAT_H
#define IOMMUFD_COMPAT_H

#include "iommufd/ioas/ioas.h"
#include "iommufd/object/ucmd.h"

/* Creates the compatibility IOAS unless there is one. 0 or -ENOMEM. */
int iommufd_compat_ioas_create(struct iommufd_ctx *ctx);

/* The ID of the compatibility IOAS. 0; -ENODEV: there is none. */
int iommufd_compat_ioas_id(struct iommufd_ctx *ctx, uint32_t *id);

/* The compatibility IOAS, with a user for the caller; NULL: there is none. */
struct ioas *compat_ioas_get(struct iommufd_ctx *ctx);

/*
 * Carries out a command that is not in the tables of iommufd/entry/dispatch.c: 0 or more, or a
 * negative errno.
 */
long type1_ioctl(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, unsigned int cmd,
		 uint64_t arg);

#endif
