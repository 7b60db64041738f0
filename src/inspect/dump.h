/* SPDX-License-Identifier: MIT */
/* Page tables as text. */
#ifndef IOMMUFD_DUMP_H
#define IOMMUFD_DUMP_H

#include <stdint.h>
#include <stdio.h>

struct iommufd_ctx;

/*
 * Prints all tables of @pt_id (IOAS or paging HWPT) to @out, with the lock of the IOAS held. 0;
 * -ENOENT: no such object; -EINVAL: of another type; -EIO: @out failed.
 */
int ctx_dump(struct iommufd_ctx *ctx, uint32_t pt_id, FILE *out);

#endif
