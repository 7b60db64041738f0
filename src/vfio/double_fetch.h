/* SPDX-License-Identifier: MIT */
/*
 * The check for double fetches (--double-fetch): a device has read the same bytes twice for one
 * piece of work, and they were different. The program has changed what it had handed over, or the
 * device trusts memory that may change between its check and its use.
 *
 * Of each work thread the latest short reads are remembered, with their bytes, as long as the
 * program cannot know that they are over: until the work function returns, or the device writes to
 * memory, sends an interrupt or has a register written. Reads of up to FETCH_WORD bytes are how
 * devices wait for memory to change, and are not compared with each other.
 *
 * Locks: what a thread remembers is its own. Cost: of a short read a copy, and a comparison with
 * what is remembered; nothing without the option.
 */
#ifndef VFIO_DOUBLE_FETCH_H
#define VFIO_DOUBLE_FETCH_H

#include <stddef.h>
#include <stdint.h>

struct fetch_log;
struct iommu_endpoint;
struct vfio_device;

enum {
	FETCH_WORD = 8,	     /* bytes */
	FETCH_LONGEST = 256, /* a longer read is data */
};

/* Two reads of one byte. */
struct double_fetch {
	struct iommu_endpoint *endpoint;
	uint32_t pasid;
	uint64_t iova;			  /* of the first byte that differs */
	uint8_t before, now;		  /* that byte */
	uint64_t first_iova, first_len;	  /* the read before */
	uint64_t second_iova, second_len; /* the one now */
};

/* Who reports them: set once, before any device is open. Called without a lock. */
void double_fetch_set_reporter(void (*reporter)(const struct double_fetch *fetch));

/* The device has read @len bytes, which are @bytes. Context: any thread, without a lock. */
void double_fetch_note(struct vfio_device *device, uint32_t pasid, uint64_t iova, const void *bytes,
		       size_t len);

/* The program may change what has been read: forgets it. Context: any thread, with any lock. */
void double_fetch_settle(struct vfio_device *device);

void double_fetch_destroy(struct vfio_device *device);

#endif
