/* SPDX-License-Identifier: MIT */
/*
 * The type1 driver: setting it, and the commands that change what is mapped. The order of the
 * checks is that of docs/abi/type1.md.
 *
 * Cost: that of the IOAS; UNMAP_DMA with flags also visits each mapping in the range.
 */
#include "vfio/type1.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include <uiommufd/vfio.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "iommufd/entry/ctx_file.h"
#include "iommufd/ioas/area.h"
#include "iommufd/ioas/ioas_map.h"
#include "iommufd/ioas/unmap_advice.h"
#include "iommufd/object/ucmd.h"
#include "vfio/type1_refusal.h"
#include "vfio/vfio_internal.h"

enum {
	ENTRY_LIMIT = 65535 /* mappings, unless the module's parameter says otherwise */
};

/* ---- the driver ---- */

static unsigned int (*entry_limit)(void);

void vfio_set_entry_limit(unsigned int (*limit)(void))
{
	entry_limit = limit;
}

void type1_init(struct type1 *type1)
{
	*type1 = (struct type1){.ctx = NULL};
	lock_init(&type1->lock, LOCK_VFIO_CONTAINER);
	iova_set_init(&type1->invalid);
}

void type1_destroy(struct type1 *type1)
{
	assert(!type1->ctx && !type1->ioas);
	iova_set_destroy(&type1->invalid);
	lock_destroy(&type1->lock);
}

int type1_start(struct type1 *type1, bool v2)
{
	const struct iommufd_options options = {.accounting_mm = true, .charge_always = true};
	int rc;

	lock_assert_held(&type1->lock);
	assert(!type1->ctx);
	rc = iommufd_ctx_create(&options, &type1->ctx);
	if (rc)
		return rc;
	type1->ioas = ioas_create(type1->ctx);
	if (!type1->ioas) {
		file_put(iommufd_ctx_file(type1->ctx));
		type1->ctx = NULL;
		return -ENOMEM;
	}
	object_hold(&type1->ioas->object);
	object_publish(&type1->ioas->object);
	type1->v2 = v2;
	type1->dirty = false;
	type1->limit = entry_limit ? entry_limit() : ENTRY_LIMIT;
	type1->avail = type1->limit;
	return 0;
}

void type1_stop(struct type1 *type1)
{
	lock_assert_held(&type1->lock);
	assert(type1->ctx && !type1->ioas->table_count);
	object_put(&type1->ioas->object);
	file_put(iommufd_ctx_file(type1->ctx));
	type1->ioas = NULL;
	type1->ctx = NULL;
	type1->invalid.count = 0;
}

bool type1_attachable(const struct type1 *type1)
{
	lock_assert_held(&type1->lock);
	return !type1->invalid.count;
}

bool type1_enforces_coherency(struct type1 *type1)
{
	struct ioas_table *table;
	bool all = true;

	lock_assert_held(&type1->lock);
	lock_acquire(&type1->ioas->lock);
	cds_list_for_each_entry (table, &type1->ioas->tables, link)
		all = all && iommu_domain_enforces_coherency(table->domain);
	lock_release(&type1->ioas->lock);
	return all;
}

uint64_t type1_page_sizes(struct type1 *type1)
{
	uint64_t sizes = UINT64_MAX;
	struct ioas_table *table;

	lock_assert_held(&type1->lock);
	lock_acquire(&type1->ioas->lock);
	cds_list_for_each_entry (table, &type1->ioas->tables, link)
		sizes &= iommu_domain_pgsizes(table->domain);
	lock_release(&type1->ioas->lock);
	if (sizes & PAGE_MASK)
		sizes = (sizes & ~(uint64_t)PAGE_MASK) | PAGE_SIZE;
	return sizes;
}

int type1_usable(struct type1 *type1, struct iova_set *usable)
{
	int rc;

	lock_assert_held(&type1->lock);
	lock_acquire(&type1->ioas->lock);
	rc = iova_set_invert(&type1->ioas->reserved, usable);
	lock_release(&type1->ioas->lock);
	return rc;
}

void type1_set_ranges_known(struct type1 *type1)
{
	lock_acquire(&type1->ioas->lock);
	type1->ioas->ranges_known = true;
	lock_release(&type1->ioas->lock);
}

int type1_check_usable(struct type1 *type1)
{
	struct iova_set usable;
	int rc;

	lock_assert_held(&type1->lock);
	iova_set_init(&usable);
	rc = type1_usable(type1, &usable);
	if (!rc && !usable.count)
		rc = -EINVAL;
	iova_set_destroy(&usable);
	return rc;
}

/* ---- mappings ---- */

bool type1_next_mapping(struct type1 *type1, uint64_t iova, struct iova_range *mapping)
{
	struct iova_map_entry entry;
	bool found;

	lock_assert_held(&type1->lock);
	lock_acquire(&type1->ioas->lock);
	found = iova_map_lower(&type1->ioas->areas, iova, &entry);
	lock_release(&type1->ioas->lock);
	if (found)
		*mapping = entry.range;
	return found;
}

bool type1_cuts_start(struct type1 *type1, struct iova_range range)
{
	struct iova_range mapping;

	return type1_next_mapping(type1, range.start, &mapping) && mapping.start < range.start;
}

bool type1_cuts_last(struct type1 *type1, struct iova_range range)
{
	struct iova_range mapping;

	return type1_next_mapping(type1, range.last, &mapping) && mapping.start <= range.last &&
	       mapping.last > range.last;
}

bool type1_next_in(struct type1 *type1, struct iova_range *rest, struct iova_range *mapping)
{
	if (rest->start > rest->last || !type1_next_mapping(type1, rest->start, mapping) ||
	    mapping->start > rest->last)
		return false;
	if (mapping->last < rest->last)
		rest->start = mapping->last + 1;
	else
		*rest = (struct iova_range){.start = 1, .last = 0};
	return true;
}

static uint64_t smallest_page(struct type1 *type1) REQUIRES(type1->lock)
{
	return lowest_bit(type1_page_sizes(type1));
}

/* ---- MAP_DMA ---- */

/* Gives a mapping whose address was taken back its new one [TYPE1-VADDR.3]. */
static int map_vaddr(struct type1 *type1, struct iova_range range) REQUIRES(type1->lock)
{
	struct iova_range mapping;

	if (!type1_next_mapping(type1, range.start, &mapping) || mapping.start > range.last)
		return refuse_mistake(-ENOENT, "nothing is mapped at 0x%" PRIx64, range.start);
	if (mapping.start != range.start || mapping.last != range.last ||
	    !iova_set_intersects(&type1->invalid, mapping))
		return refuse_mistake(
			-EINVAL,
			"VFIO_DMA_MAP_FLAG_VADDR is for a whole mapping whose address was "
			"taken back: 0x%" PRIx64 "-0x%" PRIx64 " is there",
			mapping.start, mapping.last);
	/* The page tables keep the old pages: the program promises that they are the same. */
	return iova_set_remove(&type1->invalid, mapping);
}

/* Whether @range is inside one range that every device can use. 0, -EINVAL or -ENOMEM. */
static int check_inside(struct type1 *type1, struct iova_range range) REQUIRES(type1->lock)
{
	struct iova_set usable;
	int rc;

	iova_set_init(&usable);
	rc = type1_usable(type1, &usable);
	if (!rc && !iova_set_contains(&usable, range))
		rc = type1_refuse_unusable(&usable, range);
	iova_set_destroy(&usable);
	return rc;
}

/* Maps the memory of @map, or the registers of a device, at a place that is free. */
static int map_memory(struct type1 *type1, struct uiommufd_caller *caller,
		      const struct vfio_iommu_type1_dma_map *map, struct peer_hold *hold)
	REQUIRES(type1->lock)
{
	struct ucmd ucmd = {.ctx = type1->ctx, .caller = caller};
	struct iommu_ioas_map cmd = {
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA,
		.user_va = map->vaddr,
		.iova = map->iova,
		.length = map->size,
	};
	const bool writable = map->flags & VFIO_DMA_MAP_FLAG_WRITE;
	struct mem_source *registers;
	uint64_t iova = map->iova, end;
	int rc;

	/* No memory of a program ends at 2^64. */
	if (check_add(map->vaddr, map->size, &end))
		return refuse_mistake(-EFAULT, "vaddr and size wrap around");
	if (map->flags & VFIO_DMA_MAP_FLAG_READ)
		cmd.flags |= IOMMU_IOAS_MAP_READABLE;
	if (writable)
		cmd.flags |= IOMMU_IOAS_MAP_WRITEABLE;
	rc = vfio_peer_source(caller, map->vaddr, map->size, writable, &registers, hold);
	if (rc)
		return rc;
	if (registers)
		return ioas_map_source(type1->ioas, registers, cmd.flags, &iova);
	return ioas_map_user(&ucmd, &cmd, type1->ioas);
}

static int map_new(struct type1 *type1, struct uiommufd_caller *caller,
		   const struct vfio_iommu_type1_dma_map *map, struct peer_hold *hold)
	REQUIRES(type1->lock)
{
	const struct iova_range range = {map->iova, map->iova + (map->size - 1)};
	struct iova_range mapping;
	int rc;

	if (type1_next_mapping(type1, range.start, &mapping) && mapping.start <= range.last)
		return type1_refuse_existing(type1, range, caller, map->vaddr);
	if (!type1->avail)
		return type1_refuse_full(type1, range);
	rc = check_inside(type1, range);
	if (rc)
		return rc;
	rc = map_memory(type1, caller, map, hold);
	if (!rc)
		type1->avail--;
	return rc;
}

long type1_map_dma(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg,
		   struct peer_hold *hold)
{
	const size_t least = SIZE_TO(struct vfio_iommu_type1_dma_map, size);
	const uint32_t rights = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	struct vfio_iommu_type1_dma_map map;
	struct iova_range range;
	uint64_t va_last;

	lock_assert_held(&type1->lock);
	if (caller_read(caller, &map, arg, least))
		return refuse_memory("the argument", arg, least);
	if (map.argsz < least)
		return refuse_mistake(-EINVAL, "argsz is %u, and must be %zu at least", map.argsz,
				      least);
	if (map.flags & ~(rights | VFIO_DMA_MAP_FLAG_VADDR))
		return refuse(-EINVAL, "flags 0x%x are unknown",
			      map.flags & ~(rights | VFIO_DMA_MAP_FLAG_VADDR));
	if (!map.size)
		return refuse_mistake(-EINVAL, "size is 0: there is nothing to map");
	range.start = map.iova;
	if (check_last(map.iova, map.size, &range.last) ||
	    check_last(map.vaddr, map.size, &va_last))
		return refuse_mistake(-EOVERFLOW, "iova or vaddr, and size, wrap around");
	if (!(map.flags & rights) == !(map.flags & VFIO_DMA_MAP_FLAG_VADDR))
		return refuse_mistake(-EINVAL, "flags have neither VFIO_DMA_MAP_FLAG_READ nor "
					       "_WRITE, or _VADDR beside them");
	if (!is_aligned(map.size | map.iova | map.vaddr, smallest_page(type1)))
		return type1_refuse_alignment(&map, smallest_page(type1));
	if (map.flags & VFIO_DMA_MAP_FLAG_VADDR)
		return map_vaddr(type1, range);
	return map_new(type1, caller, &map, hold);
}

/* ---- UNMAP_DMA ---- */

/* One UNMAP_DMA: what was asked, and what came of it. */
struct unmapping {
	struct iova_range range;
	uint32_t flags;
	struct type1_bitmap bitmap; /* with GET_DIRTY_BITMAP */
	uint64_t done;		    /* bytes */
};

/* Removes the mappings in @range, which it cuts none of. */
static int remove_range(struct type1 *type1, struct iova_range range, uint64_t *removed)
	REQUIRES(type1->lock)
{
	struct ioas *ioas = type1->ioas;
	size_t before, after;
	int rc;

	if (type1->invalid.count) {
		rc = iova_set_remove(&type1->invalid, range);
		if (rc)
			return rc;
	}
	/* Only this thread changes the map: it holds the container's lock. */
	lock_acquire(&ioas->lock);
	before = ioas->areas.count;
	lock_release(&ioas->lock);
	rc = ioas_unmap_range(ioas, range, removed);
	lock_acquire(&ioas->lock);
	after = ioas->areas.count;
	lock_release(&ioas->lock);
	type1->avail += (uint32_t)(before - after);
	assert(type1->avail + after == type1->limit);
	return rc;
}

/* Removes mapping by mapping, each after its bits are written [TYPE1-UNMAP.11]. */
static int remove_dirty(struct type1 *type1, struct unmapping *unmapping) REQUIRES(type1->lock)
{
	struct iova_range rest = unmapping->range, mapping;
	uint64_t removed;
	int rc;

	while (type1_next_in(type1, &rest, &mapping)) {
		rc = type1_bitmap_put(&unmapping->bitmap, mapping);
		if (rc)
			return rc;
		rc = remove_range(type1, mapping, &removed);
		if (rc)
			return rc;
		unmapping->done += removed;
	}
	return 0;
}

/* Takes the addresses of the mappings back; DMA goes on [TYPE1-VADDR.1]. */
static int invalidate(struct type1 *type1, struct unmapping *unmapping) REQUIRES(type1->lock)
{
	struct iova_range rest = unmapping->range, mapping;
	struct iova_set invalid;
	int rc;

	if (iova_set_intersects(&type1->invalid, unmapping->range))
		return refuse_mistake(-EINVAL, "a mapping in the range has no address already");
	iova_set_init(&invalid);
	rc = iova_set_copy(&type1->invalid, &invalid);
	while (!rc && type1_next_in(type1, &rest, &mapping)) {
		rc = iova_set_add(&invalid, mapping);
		unmapping->done += iova_range_len(mapping);
	}
	if (!rc)
		iova_set_swap(&type1->invalid, &invalid);
	iova_set_destroy(&invalid);
	return rc;
}

/*
 * What becomes of a range that begins or ends inside a mapping [TYPE1-UNMAP-RULES]. *@nothing:
 * nothing is to be removed.
 */
static int settle_ends(struct type1 *type1, struct unmapping *unmapping, bool *nothing)
	REQUIRES(type1->lock)
{
	struct iova_range mapping = {0};

	*nothing = false;
	if (type1->v2)
		return type1_cuts_start(type1, unmapping->range) ||
				       type1_cuts_last(type1, unmapping->range)
			       ? type1_refuse_cut(type1, unmapping->range, -EINVAL)
			       : 0;
	if (type1_cuts_start(type1, unmapping->range)) {
		*nothing = true;
		(void)type1_refuse_cut(type1, unmapping->range, 0);
		return 0;
	}
	if (type1_cuts_last(type1, unmapping->range)) {
		(void)type1_next_mapping(type1, unmapping->range.last, &mapping);
		unmapping->range.last = mapping.last;
	}
	return 0;
}

static int unmap(struct type1 *type1, struct unmapping *unmapping, bool *nothing)
	REQUIRES(type1->lock)
{
	int rc;

	*nothing = false;
	if (!(unmapping->flags & VFIO_DMA_UNMAP_FLAG_ALL)) {
		rc = settle_ends(type1, unmapping, nothing);
		if (rc || *nothing)
			return rc;
	}
	if (unmapping->flags & VFIO_DMA_UNMAP_FLAG_VADDR)
		return invalidate(type1, unmapping);
	if (unmapping->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		return remove_dirty(type1, unmapping);
	return remove_range(type1, unmapping->range, &unmapping->done);
}

/* Reads the bitmap that follows the structure at @arg [TYPE1-UNMAP.4]. */
static int get_bitmap(struct uiommufd_caller *caller, uint64_t arg,
		      const struct vfio_iommu_type1_dma_unmap *unmap, struct type1_bitmap *out)
{
	struct vfio_bitmap bitmap;

	if (unmap->argsz < sizeof(*unmap) + sizeof(bitmap))
		return refuse_argsz(unmap->argsz, sizeof(*unmap) + sizeof(bitmap));
	if (caller_read(caller, &bitmap, arg + sizeof(*unmap), sizeof(bitmap)))
		return refuse_memory("the bitmap's description", arg + sizeof(*unmap),
				     sizeof(bitmap));
	*out = (struct type1_bitmap){
		.caller = caller,
		.iova = unmap->iova,
		.page_size = bitmap.pgsize,
		.bytes = bitmap.size,
		.data = (uintptr_t)bitmap.data,
	};
	return type1_bitmap_check(out, unmap->size);
}

/* The range of @unmap [TYPE1-UNMAP.6..7]. */
static int get_range(struct type1 *type1, const struct vfio_iommu_type1_dma_unmap *unmap,
		     struct iova_range *range) REQUIRES(type1->lock)
{
	const uint64_t page = smallest_page(type1);

	*range = IOVA_RANGE_ALL;
	if (!is_aligned(unmap->iova, page))
		return refuse_mistake(-EINVAL,
				      "iova 0x%llx is not a multiple of a page, 0x%" PRIx64,
				      (unsigned long long)unmap->iova, page);
	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return unmap->iova || unmap->size
			       ? refuse_mistake(-EINVAL,
						"VFIO_DMA_UNMAP_FLAG_ALL needs an iova and a "
						"size of 0")
			       : 0;
	if (!unmap->size || !is_aligned(unmap->size, page))
		return refuse_mistake(-EINVAL,
				      "size 0x%llx is 0 or not a multiple of a page, 0x%" PRIx64,
				      (unsigned long long)unmap->size, page);
	range->start = unmap->iova;
	return check_last(unmap->iova, unmap->size, &range->last)
		       ? refuse_mistake(-EOVERFLOW, "iova and size wrap around")
		       : 0;
}

long type1_unmap_dma(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg)
{
	const uint32_t dirty = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	const uint32_t others = VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR;
	struct vfio_iommu_type1_dma_unmap request;
	struct unmapping unmapping = {.done = 0};
	struct iova_range asked;
	bool nothing;
	int rc;

	lock_assert_held(&type1->lock);
	if (caller_read(caller, &request, arg, sizeof(request)))
		return refuse_memory("the argument", arg, sizeof(request));
	if (request.argsz < sizeof(request))
		return refuse_argsz(request.argsz, sizeof(request));
	if (request.flags & ~(dirty | others))
		return refuse_flags(-EINVAL, "flags", request.flags, dirty | others);
	unmapping.flags = request.flags;
	if (request.flags & dirty) {
		if (request.flags & others)
			return refuse_mistake(-EINVAL,
					      "VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP goes with "
					      "no other flag");
		rc = get_bitmap(caller, arg, &request, &unmapping.bitmap);
		if (rc)
			return rc;
	}
	rc = get_range(type1, &request, &unmapping.range);
	if (rc)
		return rc;
	if (request.flags & dirty &&
	    (!type1->dirty || unmapping.bitmap.page_size != smallest_page(type1)))
		return refuse_mistake(-EINVAL,
				      "the bitmap's pgsize 0x%" PRIx64 " is not a page, 0x%" PRIx64
				      ", or dirty pages are not being logged",
				      unmapping.bitmap.page_size, smallest_page(type1));
	asked = unmapping.range;
	rc = unmap(type1, &unmapping, &nothing);
	if (rc)
		return rc;
	if (unmapping.done && !(request.flags & others) && unmapping.range.last != asked.last)
		advise_on_unmap_of_more(type1->ioas, "VFIO_IOMMU_UNMAP_DMA", asked,
					unmapping.range.last);
	if (!unmapping.done && !nothing && !(request.flags & others))
		advise_on_unmap_of_nothing(type1->ioas, "VFIO_IOMMU_UNMAP_DMA", unmapping.range);
	request.size = unmapping.done;
	return caller_write(caller, arg, &request, sizeof(request));
}
