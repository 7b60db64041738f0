/* SPDX-License-Identifier: MIT */
/* Accesses to BARs, one at a time; read, write and mmap of a device's file end here. */
#ifndef VFIO_BAR_H
#define VFIO_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

struct vfio_device;

/* 1, 2, 4 or 8 bytes, aligned to their number and inside the BAR. */
struct bar_access {
	struct vfio_device *device;
	unsigned int bar;
	uint64_t off;
	unsigned int size;
	bool mapped; /* comes from a mapping */
	bool prompt; /* no lock is held: the thread may do what it makes the device do */
	bool raw;    /* past VFIO: it reaches what the device decodes */
};

/*
 * 0, or -EIO if memory does not decode. An access that the model does not support reads as all
 * ones and writes nothing; so does a read or write of the MSI-X table, which VFIO keeps for itself.
 * A mapping has the table itself [CONFIG-MSIX-TABLE].
 *
 * Context: takes the device lock; the model runs under it.
 */
int bar_read(const struct bar_access *access, uint64_t *value);
int bar_write(const struct bar_access *access, uint64_t value);

/* A store of 4 bytes to doorbells that nothing trapped. Context: the device lock is held. */
void bar_ring(struct vfio_device *device, unsigned int bar, uint64_t off, uint32_t value);

/* Whether the BAR at @offset of @device's file decodes, i.e. answers at all. */
bool bar_decodes_at(struct vfio_device *device, uint64_t offset);

/* Of mapped BARs; the cookie is the device, the offset that of its file. */
extern const struct file_trap_ops bar_trap;

/* The same for a mapping that is not VFIO's. What does not answer reads as ones. */
void bar_raw_read(void *cookie, uint64_t offset, unsigned int size, uint64_t *value);
void bar_raw_write(void *cookie, uint64_t offset, unsigned int size, uint64_t value);

/* Whether programs may map BAR @bar. */
bool bar_is_mappable(const struct vfio_device *device, unsigned int bar);

#endif
