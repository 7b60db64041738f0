/* SPDX-License-Identifier: MIT */
/*
 * Regions: shared memory of an object, which a program maps from its iommufd [MMAP].
 *
 * Invariants:
 * - the list of a context is sorted by offset, and regions do not overlap;
 * - each mapping is a user of the owner and a reference of the context's file, so a region has no
 *   mappings when its owner is destroyed.
 *
 * ctx->lock guards the list. Cost: linear in the number of regions, which is small.
 */
#include "iommufd/object/ctx_region.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/fail.h"
#include "base/sys.h"

struct region {
	struct cds_list_head link;
	struct iommufd_object *owner;
	uint64_t offset, len;
	int fd;
	void *memory;
};

static int open_memory(struct region *region)
{
	long fd;
	int rc;

	if (fail_inject())
		return -ENOMEM;
	fd = sys_call(SYS_memfd_create, (long)"uiommufd-region", MFD_CLOEXEC, 0, 0, 0, 0);
	if (fd < 0)
		return (int)fd;
	region->fd = sys_move_away((int)fd);
	rc = (int)sys_call(SYS_ftruncate, region->fd, (long)region->len, 0, 0, 0, 0);
	if (rc)
		goto out_close;
	rc = sys_mmap(NULL, region->len, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0,
		      &region->memory);
	if (rc)
		goto out_close;
	return 0;

out_close:
	(void)sys_close(region->fd);
	return rc;
}

static void free_region(struct region *region)
{
	(void)sys_munmap(region->memory, region->len);
	(void)sys_close(region->fd);
	alloc_free(region);
}

/* Puts @region into the first gap that is large enough. */
static void place_region(struct iommufd_ctx *ctx, struct region *region) REQUIRES(ctx->lock)
{
	struct cds_list_head *before = &ctx->regions;
	uint64_t offset = PAGE_SIZE;
	struct region *other;

	lock_assert_held(&ctx->lock);
	cds_list_for_each_entry (other, &ctx->regions, link) {
		assert(other->offset >= offset);
		if (other->offset - offset >= region->len)
			break;
		offset = other->offset + other->len;
		before = &other->link;
	}
	region->offset = offset;
	cds_list_add(&region->link, before);
}

int region_create(struct iommufd_object *owner, uint64_t len, uint64_t *offset, void **memory)
{
	struct iommufd_ctx *ctx = owner->ctx;
	struct region *region = alloc_zeroed(sizeof(*region));
	int rc;

	if (!region)
		return -ENOMEM;
	region->owner = owner;
	region->len = len;
	rc = open_memory(region);
	if (rc) {
		alloc_free(region);
		return rc;
	}
	lock_acquire(&ctx->lock);
	place_region(ctx, region);
	lock_release(&ctx->lock);
	*offset = region->offset;
	*memory = region->memory;
	return 0;
}

/* The region that contains @offset, or NULL. */
static struct region *find_region(struct iommufd_ctx *ctx, uint64_t offset) REQUIRES(ctx->lock)
{
	struct region *region;

	lock_assert_held(&ctx->lock);
	cds_list_for_each_entry (region, &ctx->regions, link) {
		if (offset >= region->offset && offset - region->offset < region->len)
			return region;
	}
	return NULL;
}

void region_destroy(struct iommufd_object *owner, uint64_t offset)
{
	struct iommufd_ctx *ctx = owner->ctx;
	struct region *region;

	/* The creator's user may be left: of an object that was never published. */
	assert(ref_read(&owner->users) <= 1);
	lock_acquire(&ctx->lock);
	region = find_region(ctx, offset);
	assert(region && region->owner == owner);
	cds_list_del(&region->link);
	lock_release(&ctx->lock);
	free_region(region);
}

static void region_opened(void *cookie)
{
	const struct region *region = cookie;

	object_hold(region->owner);
	file_get(&region->owner->ctx->file);
}

static void region_closed(void *cookie)
{
	const struct region *region = cookie;
	struct iommufd_ctx *ctx = region->owner->ctx;

	object_put(region->owner);
	file_put(&ctx->file);
}

int region_mmap(struct iommufd_ctx *ctx, uint64_t offset, uint64_t len, int prot, int flags,
		struct file_mapping *map)
{
	struct region *region;
	int rc = -ENXIO;

	if ((flags & MAP_TYPE) != MAP_SHARED && (flags & MAP_TYPE) != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (prot & PROT_EXEC)
		return -EPERM;
	lock_acquire(&ctx->lock);
	region = find_region(ctx, offset);
	if (region && region->offset == offset && region->len == len &&
	    object_hold_live(region->owner)) {
		file_get(&ctx->file);
		*map = (struct file_mapping){
			.fd = region->fd,
			.opened = region_opened,
			.closed = region_closed,
			.cookie = region,
		};
		rc = 0;
	}
	lock_release(&ctx->lock);
	return rc;
}
