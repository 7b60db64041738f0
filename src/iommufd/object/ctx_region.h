/* SPDX-License-Identifier: MIT */
/*
 * Regions: shared memory of an object. A program maps it from its iommufd, at the offset that it
 * was given when the object was created [MMAP].
 */
#ifndef IOMMUFD_REGION_H
#define IOMMUFD_REGION_H

#include "iommufd/object/ctx.h"

/*
 * Creates a region of @len bytes (whole pages) that belongs to @owner. *@offset is its offset for
 * mmap(), *@memory the address of our own mapping of it. 0 or a negative errno.
 */
int region_create(struct iommufd_object *owner, uint64_t len, uint64_t *offset, void **memory);

/* Destroys the region of @owner at @offset. It is not mapped: a mapping is a user of @owner. */
void region_destroy(struct iommufd_object *owner, uint64_t offset);

/* mmap() of a context's file, as in struct file_ops. */
int region_mmap(struct iommufd_ctx *ctx, uint64_t offset, uint64_t len, int prot, int flags,
		struct file_mapping *map);

#endif
