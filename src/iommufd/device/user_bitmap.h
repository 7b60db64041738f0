/* SPDX-License-Identifier: MIT */
/*
 * A bitmap in the caller's memory, one bit for each page of some size from an IOVA on, into which
 * bits are ORed.
 *
 * It may be huge and mostly clean: a window of it is gathered here and merged into the caller's
 * memory only when something in it is set. Memory that cannot be reached loses its bits.
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

void user_bitmap_init(struct user_bitmap *bitmap, struct uiommufd_caller *caller, uint64_t uaddr,
		      uint64_t iova, unsigned int shift);

/* Sets the bits of all pages that @dirty touches; @arg is the bitmap. */
void user_bitmap_report(struct iova_range dirty, void *arg);

/* Writes what is still gathered. */
void user_bitmap_flush(struct user_bitmap *bitmap);

#endif
