/* SPDX-License-Identifier: MIT */
/*
 * The type1 driver of a container: MAP_DMA, UNMAP_DMA, DIRTY_PAGES and GET_INFO on an address space
 * [TYPE1-MAP], [TYPE1-UNMAP], [TYPE1-DIRTY], [TYPE1-INFO].
 *
 * The address space is an IOAS of a private context, to which the devices of the container's groups
 * are attached. Each MAP_DMA makes one area, and no area is ever cut: the areas are the mappings.
 *
 * Invariants, with lock held:
 * - the driver has a context and an IOAS, or neither;
 * - avail and the number of areas together are the limit of entries;
 * - a mapping is in invalid as a whole, or nothing of it is.
 *
 * lock is held for the whole of a command, also while memory is pinned, so that commands on one
 * container do not overlap.
 */
#ifndef VFIO_TYPE1_H
#define VFIO_TYPE1_H

#include <uiommufd/caller.h>

#include "base/lock.h"
#include "iommufd/ioas/ioas.h"
#include "vfio/peer_memory.h"

struct type1 {
	struct lock lock;	 /* guards what follows, and the container around it */
	struct iommufd_ctx *ctx; /* a reference of its file; NULL: the driver is not set */
	struct ioas *ioas;	 /* a user of it */
	bool v2;		 /* VFIO_TYPE1v2_IOMMU */
	bool dirty;		 /* dirty tracking is on */
	uint32_t limit;		 /* as many mappings as there may be */
	uint32_t avail;		 /* MAPs that are still possible */
	struct iova_set invalid; /* mappings whose address the program has taken back */
};

void type1_init(struct type1 *type1);

/* Context: the driver is not set. */
void type1_destroy(struct type1 *type1);

/* Sets the driver, with nothing mapped. 0 or -ENOMEM. */
int type1_start(struct type1 *type1, bool v2) REQUIRES(type1->lock);

/* Drops all mappings; no device is attached any more. */
void type1_stop(struct type1 *type1) REQUIRES(type1->lock);

static inline bool type1_started(const struct type1 *type1) REQUIRES(type1->lock)
{
	lock_assert_held(&type1->lock);
	return type1->ctx;
}

/* Whether devices may be attached: no mapping's address is invalid. */
bool type1_attachable(const struct type1 *type1) REQUIRES(type1->lock);

/* Whether some IOVA is usable. 0; -EINVAL: none; -ENOMEM. */
int type1_check_usable(struct type1 *type1) REQUIRES(type1->lock);

/* Whether every page table enforces coherency. */
bool type1_enforces_coherency(struct type1 *type1) REQUIRES(type1->lock);

/* Page sizes that all tables have, as GET_INFO tells them. */
uint64_t type1_page_sizes(struct type1 *type1) REQUIRES(type1->lock);

/* *@usable (initialised) becomes the usable ranges of IOVA. 0 or -ENOMEM. */
int type1_usable(struct type1 *type1, struct iova_set *usable) REQUIRES(type1->lock);

/* The program has been told the ranges (struct ioas, ranges_known). */
void type1_set_ranges_known(struct type1 *type1) REQUIRES(type1->lock);

/* The commands: 0 or a negative errno. @hold is put when the lock is no longer held. */
long type1_get_info(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg)
	REQUIRES(type1->lock);
long type1_map_dma(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg,
		   struct peer_hold *hold) REQUIRES(type1->lock);
long type1_unmap_dma(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg)
	REQUIRES(type1->lock);
long type1_dirty_pages(struct type1 *type1, struct uiommufd_caller *caller, uint64_t arg)
	REQUIRES(type1->lock);

/* ---- for the files of the driver ---- */

/* The lowest mapping that ends at @iova or above; false: there is none. */
bool type1_next_mapping(struct type1 *type1, uint64_t iova, struct iova_range *mapping)
	REQUIRES(type1->lock);

/*
 * The next mapping that begins in *@rest, which becomes what is behind it: {1, 0} at the end. For
 * loops over the mappings of a range that cuts none of them.
 */
bool type1_next_in(struct type1 *type1, struct iova_range *rest, struct iova_range *mapping)
	REQUIRES(type1->lock);

/* Whether @range begins, or ends, inside a mapping that is not inside @range. */
bool type1_cuts_start(struct type1 *type1, struct iova_range range) REQUIRES(type1->lock);
bool type1_cuts_last(struct type1 *type1, struct iova_range range) REQUIRES(type1->lock);

/* A struct vfio_bitmap of the caller: one bit for each page from @iova on. */
struct type1_bitmap {
	struct uiommufd_caller *caller;
	uint64_t iova;
	uint64_t page_size;
	uint64_t bytes;
	uint64_t data; /* the caller's address */
};

/* Whether @bitmap has valid sizes for @len bytes of IOVA. 0 or -EINVAL. */
int type1_bitmap_check(const struct type1_bitmap *bitmap, uint64_t len);

/* Writes the bits of @mapping, all of whose pages are dirty [TYPE1-DIRTY-PAGES.1]. 0 or -EFAULT. */
int type1_bitmap_put(const struct type1_bitmap *bitmap, struct iova_range mapping);

#endif
