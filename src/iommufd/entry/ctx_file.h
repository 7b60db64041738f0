/* SPDX-License-Identifier: MIT */
/* The file of a context, which an open of /dev/iommu returns. */
#ifndef IOMMUFD_CTX_FILE_H
#define IOMMUFD_CTX_FILE_H

#include "iommufd/object/ctx.h"

/* A new context. Its file has one reference; dropping the last one destroys it. 0 or -ENOMEM. */
int iommufd_ctx_create(const struct iommufd_options *options, struct iommufd_ctx **ctx);

/* The file of @ctx, without a reference. */
struct uiommufd_file *iommufd_ctx_file(struct iommufd_ctx *ctx);

/* The context of @file, borrowed; NULL: @file is not the file of a context. */
struct iommufd_ctx *iommufd_ctx_from_file(struct uiommufd_file *file);

#endif
