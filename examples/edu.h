/* SPDX-License-Identifier: MIT */
/*
 * What the copy programs share: the driver of QEMU's teaching device "edu" (qemu docs/specs/edu),
 * once VFIO has given the device, by whichever interface. The device has a buffer of 4 KiB and
 * moves data between memory and that buffer by DMA; each transfer ends with an interrupt.
 */
#ifndef EXAMPLES_EDU_H
#define EXAMPLES_EDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"

/* The system's own headers if they are recent enough to know iommufd. */
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#include <linux/vfio.h>
#else
#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>
#endif

enum {
	SYSFS_PATH = 512,
	MAX_WINDOWS = 64, /* ranges of IOVA that we look at */
};
#define EDU_DMA_MASK ((UINT64_C(1) << 28) - 1) /* it drives 28 address bits */

struct edu {
	int fd;		      /* the VFIO device */
	int event;	      /* counts its interrupts */
	bool level;	      /* interrupts by the INTA# line: to be unmasked each time */
	uint64_t bar, config; /* where the regions are in fd */
	unsigned long transfers, interrupts;
};

/* A piece of our memory, and where the device sees it. */
struct mapping {
	uint8_t *memory;
	size_t size; /* of the mapping: whole pages */
	uint64_t iova;
};

/* The address of the first edu device of the system: "0000:01:00.0". */
void find_edu(char *bdf, size_t size);

/* Whole pages of zeros for @len bytes. */
struct mapping allocate(size_t len);

/* Says what was mapped. */
void print_mapping(const struct mapping *mapping, bool device_writes);

/* Lets edu->fd answer and do DMA, checks that it is an edu, and asks for its interrupts. */
void edu_start(struct edu *edu);

/* Copies @len bytes through the device's buffer. */
void edu_copy(struct edu *edu, const struct mapping *from, const struct mapping *to, size_t len);

#endif
