/* SPDX-License-Identifier: MIT */
/* Page tables as text, entry by entry; iopt_dump() describes the format. */
#ifndef INSPECT_DUMP_H
#define INSPECT_DUMP_H

#include <stdint.h>
#include <stdio.h>

struct iommufd_ctx;

/*
 * Prints all tables of @pt_id (IOAS or paging HWPT) to @out. Holds the lock of the IOAS meanwhile.
 * 0; -ENOENT: no such object; -EINVAL: an object of another type; -EIO: writing to @out failed.
 */
int ctx_dump(struct iommufd_ctx *ctx, uint32_t pt_id, FILE *out);

/* The same for context number @context, counted as by show_state(). -ENOENT: also no context. */
int show_dump(uint32_t context, uint32_t pt_id, FILE *out);

#endif
