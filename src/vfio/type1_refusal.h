/* SPDX-License-Identifier: MIT */
/* Why the type1 driver refuses a MAP_DMA or UNMAP_DMA, as text (base/last_error.h). */
#ifndef VFIO_TYPE1_REFUSAL_H
#define VFIO_TYPE1_REFUSAL_H

#include <uiommufd/vfio.h>

#include "vfio/type1.h"

/* Something is mapped in @range, which would lead to @va: -EEXIST. */
int type1_refuse_existing(struct type1 *type1, struct iova_range range,
			  const struct uiommufd_caller *caller, uint64_t va) REQUIRES(type1->lock);

/* There are as many mappings as there may be, and @range would be one more: -ENOSPC. */
int type1_refuse_full(struct type1 *type1, struct iova_range range) REQUIRES(type1->lock);

/* @range is not inside one range of @usable: -EINVAL. */
int type1_refuse_unusable(const struct iova_set *usable, struct iova_range range);

/* A number of @map is not a multiple of @page: -EINVAL. */
int type1_refuse_alignment(const struct vfio_iommu_type1_dma_map *map, uint64_t page);

/* UNMAP_DMA of @range would cut a mapping: @error, which is 0 where nothing is done instead. */
int type1_refuse_cut(struct type1 *type1, struct iova_range range, int error) REQUIRES(type1->lock);

#endif
