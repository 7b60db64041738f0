/* SPDX-License-Identifier: MIT */
/*
 * What the copy programs share: the driver of QEMU's teaching device "edu" (qemu docs/specs/edu),
 * for a device file that was opened by either interface of VFIO. The device has a buffer of 4 KiB
 * and moves data between memory and that buffer by DMA; each transfer ends with an interrupt.
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
	MAX_WINDOWS = 64, /* ranges of IOVA that are considered */
};
#define EDU_DMA_MASK ((UINT64_C(1) << 28) - 1) /* it drives 28 address bits */

struct edu {
	int fd;		      /* the VFIO device */
	int event;	      /* counts its interrupts */
	bool level;	      /* INTA# line: must be unmasked after each interrupt */
	uint64_t bar, config; /* offsets of the regions in fd */
	unsigned long transfers, interrupts;
};

/* Memory of the program, and its address for the device. */
struct mapping {
	uint8_t *memory;
	size_t size; /* of the mapping: whole pages */
	uint64_t iova;
};

/*
 * Finds the PCI address of the first edu device, "0000:01:00.0". Ends the program if there is none.
 */
void find_edu(char *bdf, size_t size);

/* Allocates whole pages of zeros for @len bytes. */
struct mapping allocate(size_t len);

/* Prints what was mapped. */
void print_mapping(const struct mapping *mapping, bool device_writes);

/* Enables registers and DMA of edu->fd, checks that it is an edu, and enables its interrupts. */
void edu_start(struct edu *edu);

/* Copies @len bytes through the device's buffer. */
void edu_copy(struct edu *edu, const struct mapping *from, const struct mapping *to, size_t len);

#endif
