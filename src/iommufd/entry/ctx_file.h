/* SPDX-License-Identifier: MIT */
/* Contexts as files: what an open of /dev/iommu gives. */
#ifndef IOMMUFD_CTX_FILE_H
#define IOMMUFD_CTX_FILE_H

#include "iommufd/object/ctx.h"

/* A fresh context. Its file's last reference destroys it. 0 or -ENOMEM. */
int iommufd_ctx_create(const struct iommufd_options *options, struct iommufd_ctx **ctx);

/* The file (borrowed) of a context, and back: NULL if @file is no iommufd. */
struct uiommufd_file *iommufd_ctx_file(struct iommufd_ctx *ctx);
struct iommufd_ctx *iommufd_ctx_from_file(struct uiommufd_file *file);

#endif
