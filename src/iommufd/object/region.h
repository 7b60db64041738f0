/* SPDX-License-Identifier: MIT */
/*
 * Regions: shared memory of an object, which a program maps from its iommufd at an offset that the
 * object's creation has told it [MMAP].
 */
#ifndef IOMMUFD_REGION_H
#define IOMMUFD_REGION_H

#include "iommufd/object/ctx.h"

/*
 * Creates a region of @len bytes (whole pages) that belongs to @owner; *@offset is what mmap takes,
 * *@memory where it is mapped here. 0 or a negative errno.
 */
int region_create(struct iommufd_object *owner, uint64_t len, uint64_t *offset, void **memory);

/* Destroys the region of @owner at @offset; nobody has it mapped. */
void region_destroy(struct iommufd_object *owner, uint64_t offset);

/* The mmap of a context's file, as struct file_ops has it. */
int region_mmap(struct iommufd_ctx *ctx, uint64_t offset, uint64_t len, int prot, int flags,
		struct file_mapping *map);

#endif
