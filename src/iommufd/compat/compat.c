/* SPDX-License-Identifier: MIT */
/*
 * The type1 container's commands but for GET_INFO (compat_info.c). They have their own framing:
 * structures begin with argsz, and grow by flags.
 */
#include "iommufd/compat/compat.h"

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"

/* Bytes of a structure of the API up to and with @field: what a caller must pass at least. */
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

int iommufd_compat_ioas_id(struct iommufd_ctx *ctx, uint32_t *id)
{
	struct ioas *ioas = compat_ioas_get(ctx);

	if (!ioas)
		return -ENODEV;
	*id = ioas->object.id;
	object_put(&ioas->object);
	return 0;
}

int iommufd_compat_ioas_create(struct iommufd_ctx *ctx)
{
	struct ioas *ioas = compat_ioas_get(ctx);
	bool taken;

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

/* Whether no HWPT of the compatibility IOAS lets a device ask for DMA past the caches. */
static long check_coherency(struct iommufd_ctx *ctx)
{
	struct ioas *ioas = compat_ioas_get(ctx);
	struct ioas_table *table;
	long all = 1;

	if (!ioas)
		return -ENODEV;
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
		return -EINVAL;
	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return -ENODEV;
	/* Version 1 unmaps any part of a mapping: no leaf may be larger than the smallest part. */
	if (type == VFIO_TYPE1_IOMMU)
		rc = ioas_disable_huge_pages(ioas);
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
		return -EFAULT;
	if (map.argsz < least || map.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE))
		return -EINVAL;
	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return -ENODEV;
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

/* Makes both ends of what is unmapped ends of areas, where version 1 allows that. */
static int cut_ends(struct ioas *ioas, const struct vfio_iommu_type1_dma_unmap *unmap)
{
	int rc = ioas_cut(ioas, unmap->iova + unmap->size - 1);

	if (!rc && unmap->iova)
		rc = ioas_cut(ioas, unmap->iova - 1);
	return rc;
}

static int unmap_range(struct ioas *ioas, const struct vfio_iommu_type1_dma_unmap *unmap,
		       uint64_t *unmapped)
{
	struct iova_range range = {.start = unmap->iova};

	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return ioas_unmap_range(ioas, IOVA_RANGE_ALL, unmapped);
	if (!unmap->size)
		return -EINVAL;
	if (check_last(range.start, unmap->size, &range.last))
		return -EOVERFLOW;
	return ioas_unmap_range(ioas, range, unmapped);
}

/* *@respond: the bytes that were unmapped are told, whatever came of it. */
static int unmap_from(struct ioas *ioas, const struct vfio_iommu_type1_dma_unmap *unmap,
		      uint64_t *unmapped, bool *respond)
{
	int rc = 0;

	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		if (unmap->iova || unmap->size)
			return -EINVAL;
	} else {
		rc = cut_ends(ioas, unmap);
	}
	if (rc)
		return rc;
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
		return -EFAULT;
	if (unmap.argsz < least || unmap.flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	ioas = compat_ioas_get(ctx);
	if (!ioas)
		return -ENODEV;
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
		return compat_get_info(ctx, caller, arg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(ctx, caller, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(ctx, caller, arg);
	default:
		return -ENOTTY;
	}
}
