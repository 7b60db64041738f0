/* SPDX-License-Identifier: MIT */
/* See client_memory.h. Cost: MAP O(1) beside the engine's, UNMAP walks the list of regions. */
#include "vfio_user/client_memory.h"

#include <errno.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/file.h"
#include "base/sys.h"
#include "iova/range.h"
#include "mem/dmabuf.h"
#include "vfio_user/capabilities.h"

/* The largest leaf of the page tables. */
#define LARGE_LEAF (UINT64_C(1) << 30)

struct region {
	struct cds_list_head link;
	struct vu_memory *memory;
	struct iova_range range;
	void *va;	       /* in this process; NULL: by messages */
	struct dmabuf *remote; /* what is mapped then, one reference */
};

int vu_memory_init(struct vu_memory *memory, struct engine_caller *caller, struct vu_dma *dma)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	int rc = engine_ioctl(caller, IOMMU_IOAS_ALLOC, &alloc);

	if (rc)
		return rc;
	*memory = (struct vu_memory){.caller = caller, .dma = dma, .ioas = alloc.out_ioas_id};
	CDS_INIT_LIST_HEAD(&memory->regions);
	return 0;
}

void vu_memory_destroy(struct vu_memory *memory)
{
	(void)vu_memory_unmap_all(memory);
}

/* ---- mapping ---- */

static int move_remote(void *cookie, uint64_t offset, void *buf, uint64_t len, bool write)
{
	const struct region *region = cookie;

	return vu_dma_move(region->memory->dma, offset, buf, len, write);
}

static int prot_of(uint32_t flags)
{
	return (flags & VU_DMA_READABLE ? PROT_READ : 0) |
	       (flags & VU_DMA_WRITABLE ? PROT_WRITE : 0);
}

static uint32_t rights_of(uint32_t flags)
{
	return (flags & VU_DMA_READABLE ? IOMMU_IOAS_MAP_READABLE : 0) |
	       (flags & VU_DMA_WRITABLE ? IOMMU_IOAS_MAP_WRITEABLE : 0) | IOMMU_IOAS_MAP_FIXED_IOVA;
}

/*
 * Maps the file where addresses are congruent to the IOVA, so that the page table gets large
 * leaves: a client may map more than there is memory for small ones.
 */
static int map_congruent(const struct vu_dma_map *map, int fd, void **va)
{
	const uint64_t align =
		max_u64(PAGE_SIZE, min_u64(LARGE_LEAF, UINT64_C(1) << log2_floor(map->size)));
	int rc = sys_reserve(map->size, align, map->address & (align - 1), va);

	if (rc)
		return rc;
	rc = sys_mmap(*va, map->size, prot_of(map->flags), MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
		      fd, map->offset, va);
	if (rc)
		(void)sys_munmap(*va, map->size);
	return rc;
}

static int map_file(struct region *region, const struct vu_dma_map *map, int fd)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = rights_of(map->flags),
		.ioas_id = region->memory->ioas,
		.length = map->size,
		.iova = map->address,
	};
	int rc = map_congruent(map, fd, &region->va);

	if (rc)
		return rc;
	cmd.user_va = (uint64_t)(uintptr_t)region->va;
	rc = engine_ioctl(region->memory->caller, IOMMU_IOAS_MAP, &cmd);
	if (rc)
		(void)sys_munmap(region->va, map->size);
	return rc;
}

static int map_remote(struct region *region, const struct vu_dma_map *map)
{
	const struct dmabuf_registers there = {
		.move = move_remote,
		.cookie = region,
		.offset = map->address, /* so offsets are IOVAs */
	};
	struct engine_caller *caller = region->memory->caller;
	struct iommu_ioas_map_file cmd = {
		.size = sizeof(cmd),
		.flags = rights_of(map->flags),
		.ioas_id = region->memory->ioas,
		.fd = ENGINE_FD_MEMORY,
		.length = map->size,
		.iova = map->address,
	};
	int rc = dmabuf_create_registers(map->size, &there, &region->remote);

	if (rc)
		return rc;
	caller->memory = dmabuf_file(region->remote);
	rc = engine_ioctl(caller, IOMMU_IOAS_MAP_FILE, &cmd);
	caller->memory = NULL;
	if (rc)
		file_put(dmabuf_file(region->remote));
	return rc;
}

int vu_memory_map(struct vu_memory *memory, const struct vu_dma_map *map, int fd)
{
	struct region *region;
	int rc;

	if (!map->size || !is_aligned(map->size | map->address | map->offset, PAGE_SIZE) ||
	    !(map->flags & (VU_DMA_READABLE | VU_DMA_WRITABLE)))
		return -EINVAL;
	if (memory->count == VU_MAX_REGIONS)
		return -ENOSPC;
	region = alloc_zeroed(sizeof(*region));
	if (!region)
		return -ENOMEM;
	region->memory = memory;
	region->range.start = map->address;
	rc = check_last(map->address, map->size, &region->range.last) ? -EINVAL : 0;
	if (!rc)
		rc = fd >= 0 ? map_file(region, map, fd) : map_remote(region, map);
	if (rc) {
		alloc_free(region);
		return rc;
	}
	cds_list_add(&region->link, &memory->regions);
	memory->count++;
	return 0;
}

/* ---- unmapping ---- */

/* On an error the region stays: nothing may be unmapped here that the device still reaches. */
static int unmap(struct region *region)
{
	struct vu_memory *memory = region->memory;
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = memory->ioas,
		.iova = region->range.start,
		.length = iova_range_len(region->range),
	};
	int rc = engine_ioctl(memory->caller, IOMMU_IOAS_UNMAP, &cmd);

	if (rc)
		return rc;
	if (region->remote)
		file_put(dmabuf_file(region->remote));
	else
		(void)sys_munmap(region->va, iova_range_len(region->range));
	cds_list_del(&region->link);
	memory->count--;
	alloc_free(region);
	return 0;
}

int vu_memory_unmap_all(struct vu_memory *memory)
{
	struct region *region, *next;
	int rc = 0;

	cds_list_for_each_entry_safe (region, next, &memory->regions, link)
		rc = rc ? rc : unmap(region);
	return rc;
}

int vu_memory_unmap(struct vu_memory *memory, uint64_t iova, uint64_t size)
{
	struct iova_range range = {.start = iova};
	struct region *region, *next;
	uint32_t found = 0;
	int rc = 0;

	if (!size || check_last(iova, size, &range.last))
		return -EINVAL;
	cds_list_for_each_entry (region, &memory->regions, link) {
		if (!iova_range_intersects(region->range, range))
			continue;
		if (!iova_range_contains(range, region->range))
			return -EINVAL;
		found++;
	}
	if (!found)
		return -ENOENT;
	cds_list_for_each_entry_safe (region, next, &memory->regions, link) {
		if (!rc && iova_range_contains(range, region->range))
			rc = unmap(region);
	}
	return rc;
}
