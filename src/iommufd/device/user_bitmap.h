/* SPDX-License-Identifier: MIT */
/*
 * A bitmap in the caller's memory, one bit per page of some size from an IOVA on. Bits are ORed
 * into it.
 *
 * It may be huge and mostly clean. So a window of it is gathered here, and merged into the caller's
 * memory when it moves or at the end, and only the bytes that have bits. Bits in memory that cannot
 * be accessed are lost.
 */
#ifndef IOMMUFD_USER_BITMAP_H
#define IOMMUFD_USER_BITMAP_H

#include <uiommufd/caller.h>

#include "iova/range.h"

struct user_bitmap {
	struct uiommufd_caller *caller;
	uint64_t uaddr;
	uint64_t iova;	    /* of bit 0 */
	unsigned int shift; /* log2 of the bytes per bit */
	uint64_t window;    /* index of the window's first byte */
	uint64_t low, high; /* bytes [low, high) of the window have bits */
	uint8_t bits[1024];
};

/* Starts a bitmap at @uaddr whose bit 0 is the page of 1 << @shift bytes at @iova. */
void user_bitmap_init(struct user_bitmap *bitmap, struct uiommufd_caller *caller, uint64_t uaddr,
		      uint64_t iova, unsigned int shift);

/* Sets the bits of all pages that @dirty intersects. @arg is the struct user_bitmap. */
void user_bitmap_report(struct iova_range dirty, void *arg);

/* Merges the window into the caller's memory. */
void user_bitmap_flush(struct user_bitmap *bitmap);

#endif
