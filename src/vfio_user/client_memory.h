/* SPDX-License-Identifier: MIT */
/*
 * The client's memory as the device sees it: an IO address space, in which each DMA_MAP is a
 * mapping. With a descriptor the memory is mapped into this process; without one, DMA becomes
 * messages (client_dma.h). Either way it goes through the page tables of the device's IOMMU.
 *
 * Context: one thread at a time. DMA of the device runs meanwhile.
 */
#ifndef VFIO_USER_CLIENT_MEMORY_H
#define VFIO_USER_CLIENT_MEMORY_H

#include <stdint.h>
#include <urcu/list.h>

#include "vfio_user/client_dma.h"
#include "vfio_user/engine_caller.h"

struct vu_memory {
	struct engine_caller *caller; /* borrowed */
	struct vu_dma *dma;	      /* borrowed */
	uint32_t ioas;
	uint32_t count;
	struct cds_list_head regions;
};

/* Makes the IO address space, *@ioas, in the context of @caller. 0 or a negative errno. */
int vu_memory_init(struct vu_memory *memory, struct engine_caller *caller, struct vu_dma *dma);

/* Context: the device is not attached any more. */
void vu_memory_destroy(struct vu_memory *memory);

/*
 * Maps as @map says, whose structure alone has been checked; @fd (borrowed): the memory's file; -1:
 * none. 0; -EEXIST: it overlaps what is mapped; -EINVAL: no whole pages, no right, or where the
 * IOMMU cannot translate; -ENOSPC: too many; or an error of mmap().
 */
int vu_memory_map(struct vu_memory *memory, const struct vu_dma_map *map, int fd);

/*
 * Unmaps [@iova, @iova + @size), which consists of whole regions; waits for DMA in flight. 0;
 * -ENOENT: nothing is mapped there; -EINVAL: a region is there in part; or -ENOMEM.
 */
int vu_memory_unmap(struct vu_memory *memory, uint64_t iova, uint64_t size);
int vu_memory_unmap_all(struct vu_memory *memory);

#endif
