/* SPDX-License-Identifier: MIT */
/*
 * The commands of a type1 container [COMPAT]. They have their own framing: a structure begins with
 * argsz, and flags say which later members it has.
 *
 * ctx->lock guards which IOAS is the compatibility IOAS. All else is the IOAS's own business.
 */
#include "iommufd/compat/compat.h"

#include <inttypes.h>
#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/last_error.h"
#include "iommufd/ioas/area.h"
#include "iommufd/ioas/area_split.h"
#include "iommufd/ioas/ioas_map.h"
#include "iommufd/ioas/options.h"
#include "iommufd/ioas/unmap_advice.h"

/* Bytes of a structure of the API up to and including @field: what a caller must pass at least. */
#define SIZE_TO(type, field) (offsetof(type, field) + sizeof(((type *)NULL)->field))

/* ---- the compatibility IOAS ---- */

struct ioas *compat_ioas_get(struct iommufd_ctx *ctx)
{
	struct ioas *ioas;

	lock_acquire(&ctx->lock);
	ioas = ctx->vfio_ioas;
	if (ioas && !object_hold_live(&ioas->object))
		ioas = NULL;
	lock_release(&ctx->lock);
	return ioas;
}

static int refuse_no_ioas(void)
{
	return refuse(-ENODEV,
		      "the /dev/iommu has no IOAS for VFIO yet: VFIO_GROUP_SET_CONTAINER or "
		      "IOMMU_VFIO_IOAS_SET comes first");
}

static int refuse_argsz(uint32_t argsz, size_t least)
{
	return refuse_mistake(-EINVAL, "argsz is %" PRIu32 ", and must be %zu at least", argsz,
			      least);
}

int iommufd_compat_ioas_id(struct iommufd_ctx *ctx, uint32_t *id)
{
	struct ioas *ioas;

	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return refuse_no_ioas();
	*id = ioas->object.id;
	object_put(&ioas->object);
	return 0;
}

int iommufd_compat_ioas_create(struct iommufd_ctx *ctx)
{
	struct ioas *ioas;
	bool taken;

	ioas = compat_ioas_get(ctx);
	if (ioas) {
		object_put(&ioas->object);
		return 0;
	}
	ioas = ioas_create(ctx);
	if (!ioas)
		return -ENOMEM;
	lock_acquire(&ctx->lock);
	taken = ctx->vfio_ioas;
	if (!taken)
		ctx->vfio_ioas = ioas;
	lock_release(&ctx->lock);
	if (taken)
		object_abort(&ioas->object);
	else
		object_publish(&ioas->object);
	return 0;
}

/* ---- CHECK_EXTENSION, SET_IOMMU ---- */

/* 1 if every HWPT of the compatibility IOAS makes all DMA coherent, whatever a device asks for. */
static long check_coherency(struct iommufd_ctx *ctx)
{
	struct ioas_table *table;
	struct ioas *ioas;
	long all = 1;

	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return refuse_no_ioas();
	lock_acquire(&ioas->lock);
	cds_list_for_each_entry (table, &ioas->tables, link)
		all = all && iommu_domain_enforces_coherency(table->domain);
	lock_release(&ioas->lock);
	object_put(&ioas->object);
	return all;
}

static long check_extension(struct iommufd_ctx *ctx, uint64_t extension)
{
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU:
		return check_coherency(ctx);
	default:
		return 0;
	}
}

static long set_iommu(struct iommufd_ctx *ctx, uint64_t type)
{
	struct ioas *ioas;
	int rc = 0;

	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return refuse(-EINVAL, "there is no IOMMU of type %" PRIu64, type);
	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return refuse_no_ioas();
	/* Version 1 can unmap any page of a mapping alone, so each page needs a leaf of its own. */
	if (type == VFIO_TYPE1_IOMMU)
		rc = ioas_disable_huge_pages(ioas);
	object_put(&ioas->object);
	return rc;
}

/* ---- GET_INFO ---- */

/*
 * The answer [COMPAT-INFO] is the structure and behind it a chain of capabilities: how many
 * mappings are possible, then the usable ranges of IOVA. A caller with less memory than that gets
 * the parts that fit, and in argsz the size of the whole.
 */
enum {
	INFO_LEAST = offsetof(struct vfio_iommu_type1_info, cap_offset),
	CAP_AVAIL = sizeof(struct vfio_iommu_type1_info),
	/* Each capability is at a multiple of 8. */
	CAP_RANGES = (CAP_AVAIL + sizeof(struct vfio_iommu_type1_info_dma_avail) + 7) / 8 * 8,
	RANGES = CAP_RANGES + sizeof(struct vfio_iommu_type1_info_cap_iova_range),
};

_Static_assert(sizeof(struct iova_range) == sizeof(struct vfio_iova_range), "copied as they are");

/* Where the answer goes. */
struct answer {
	struct uiommufd_caller *caller;
	uint64_t arg;
	uint32_t space; /* the caller's argsz */
};

/* Writes @len bytes at @off of the answer if they fit. 0 or -EFAULT. */
static int put(const struct answer *answer, size_t off, const void *from, size_t len)
{
	if (off + len > answer->space)
		return 0;
	return caller_write(answer->caller, answer->arg + off, from, len);
}

static int put_avail(const struct answer *answer)
{
	struct vfio_iommu_type1_info_dma_avail cap = {
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, .version = 1},
		.avail = UINT32_MAX, /* limited by memory only */
	};

	/* The chain goes on if the next capability begins within the caller's memory. */
	if (answer->space >= CAP_RANGES)
		cap.header.next = CAP_RANGES;
	return put(answer, CAP_AVAIL, &cap, sizeof(cap));
}

static int put_ranges(const struct answer *answer, const struct iova_set *usable, uint32_t total)
{
	const struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1},
		.nr_iovas = (uint32_t)usable->count,
	};
	size_t off = RANGES;
	int rc;

	if (answer->space >= total) {
		rc = put(answer, CAP_RANGES, &cap, sizeof(cap));
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < usable->count; i++, off += sizeof(usable->ranges[i])) {
		rc = put(answer, off, &usable->ranges[i], sizeof(usable->ranges[i]));
		if (rc)
			return rc;
	}
	return 0;
}

/*
 * The page sizes that all HWPTs support. Sizes below PAGE_SIZE, in which programs have no memory,
 * count as PAGE_SIZE.
 */
static uint64_t page_sizes(const struct ioas *ioas) REQUIRES(ioas->lock)
{
	uint64_t sizes = UINT64_MAX;
	struct ioas_table *table;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (table, &ioas->tables, link)
		sizes &= iommu_domain_pgsizes(table->domain);
	if (sizes & PAGE_MASK)
		sizes = (sizes & ~(uint64_t)PAGE_MASK) | PAGE_SIZE;
	return max_u64(sizes, ioas->alignment);
}

static int put_info(const struct answer *answer, struct vfio_iommu_type1_info *info,
		    const struct iova_set *usable)
{
	int rc;

	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->argsz = (uint32_t)(RANGES + usable->count * sizeof(usable->ranges[0]));
	if (answer->space >= info->argsz)
		info->cap_offset = CAP_AVAIL;
	rc = put_avail(answer);
	if (rc)
		return rc;
	rc = put_ranges(answer, usable, info->argsz);
	if (rc)
		return rc;
	return caller_write(answer->caller, answer->arg, info,
			    min_u64(answer->space, sizeof(*info)));
}

static long get_info(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, uint64_t arg)
{
	struct answer answer = {.caller = caller, .arg = arg};
	struct vfio_iommu_type1_info info = {0};
	struct iova_set usable;
	struct ioas *ioas;
	int rc;

	if (caller_read(caller, &info, arg, INFO_LEAST))
		return refuse_memory("the argument", arg, INFO_LEAST);
	if (info.argsz < INFO_LEAST)
		return refuse_argsz(info.argsz, INFO_LEAST);
	answer.space = info.argsz;
	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return refuse_no_ioas();
	iova_set_init(&usable);
	lock_acquire(&ioas->lock);
	rc = iova_set_invert(&ioas->reserved, &usable);
	info.iova_pgsizes = page_sizes(ioas);
	lock_release(&ioas->lock);
	if (rc)
		goto out_destroy;
	rc = put_info(&answer, &info, &usable);
out_destroy:
	iova_set_destroy(&usable);
	object_put(&ioas->object);
	return rc;
}

/* ---- MAP_DMA ---- */

static long map_dma(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_iommu_type1_dma_map, size);
	struct ucmd ucmd = {.ctx = ctx, .caller = caller};
	struct vfio_iommu_type1_dma_map map;
	struct iommu_ioas_map cmd = {.flags = IOMMU_IOAS_MAP_FIXED_IOVA};
	struct ioas *ioas;
	int rc;

	if (caller_read(caller, &map, arg, least))
		return refuse_memory("the argument", arg, least);
	if (map.argsz < least)
		return refuse_argsz(map.argsz, least);
	if (map.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE))
		return refuse_flags(-EINVAL, "flags", map.flags,
				    VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return refuse_no_ioas();
	if (map.flags & VFIO_DMA_MAP_FLAG_READ)
		cmd.flags |= IOMMU_IOAS_MAP_READABLE;
	if (map.flags & VFIO_DMA_MAP_FLAG_WRITE)
		cmd.flags |= IOMMU_IOAS_MAP_WRITEABLE;
	cmd.user_va = map.vaddr;
	cmd.iova = map.iova;
	cmd.length = map.size;
	rc = ioas_map_user(&ucmd, &cmd, ioas);
	object_put(&ioas->object);
	return rc;
}

/* ---- UNMAP_DMA ---- */

/* Splits the areas at both ends of the range, where the IOAS allows that (version 1). */
static int cut_ends(struct ioas *ioas, const struct vfio_iommu_type1_dma_unmap *unmap)
{
	int rc;

	rc = ioas_cut(ioas, unmap->iova + unmap->size - 1);
	if (rc || !unmap->iova)
		return rc;
	return ioas_cut(ioas, unmap->iova - 1);
}

static int unmap_range(struct ioas *ioas, const struct vfio_iommu_type1_dma_unmap *unmap,
		       uint64_t *unmapped)
{
	struct iova_range range = {.start = unmap->iova};
	int rc;

	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return ioas_unmap_range(ioas, IOVA_RANGE_ALL, unmapped);
	if (!unmap->size)
		return refuse_mistake(-EINVAL, "size is 0: there is nothing to unmap");
	if (check_last(range.start, unmap->size, &range.last))
		return refuse_mistake(-EOVERFLOW, "iova and size wrap around");
	rc = ioas_unmap_range(ioas, range, unmapped);
	if (!rc && !*unmapped)
		advise_on_unmap_of_nothing(ioas, "VFIO_IOMMU_UNMAP_DMA", range);
	return rc;
}

/* *@respond: *@unmapped is to be written back, even if this fails. */
static int unmap_from(struct ioas *ioas, const struct vfio_iommu_type1_dma_unmap *unmap,
		      uint64_t *unmapped, bool *respond)
{
	int rc;

	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		if (unmap->iova || unmap->size)
			return refuse_mistake(
				-EINVAL, "VFIO_DMA_UNMAP_FLAG_ALL needs an iova and a size of 0");
	} else {
		rc = cut_ends(ioas, unmap);
		if (rc)
			return rc;
	}
	*respond = true;
	return unmap_range(ioas, unmap, unmapped);
}

static long unmap_dma(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_iommu_type1_dma_unmap, size);
	struct vfio_iommu_type1_dma_unmap unmap;
	uint64_t unmapped = 0;
	bool respond = false;
	struct ioas *ioas;
	int rc;

	if (caller_read(caller, &unmap, arg, least))
		return refuse_memory("the argument", arg, least);
	if (unmap.argsz < least)
		return refuse_argsz(unmap.argsz, least);
	if (unmap.flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return refuse_flags(-EINVAL, "flags", unmap.flags, VFIO_DMA_UNMAP_FLAG_ALL);
	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return refuse_no_ioas();
	rc = unmap_from(ioas, &unmap, &unmapped, &respond);
	object_put(&ioas->object);
	if (respond && caller_write(caller, arg + offsetof(struct vfio_iommu_type1_dma_unmap, size),
				    &unmapped, sizeof(unmapped)))
		return -EFAULT;
	return rc;
}

long compat_ioctl(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, unsigned int cmd,
		  uint64_t arg)
{
	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return check_extension(ctx, arg);
	case VFIO_SET_IOMMU:
		return set_iommu(ctx, arg);
	case VFIO_IOMMU_GET_INFO:
		return get_info(ctx, caller, arg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(ctx, caller, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(ctx, caller, arg);
	default:
		return -ENOTTY;
	}
}
