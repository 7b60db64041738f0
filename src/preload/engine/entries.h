/* SPDX-License-Identifier: MIT */
/*
 * The entries of the shadow root that come and go with a device, and the texts of its attributes.
 * The shadow root is what all processes of a run share: whether a device is there, and bound to its
 * driver, is whether these entries are there.
 *
 * An entry that goes is moved to a directory of the root (LAYOUT_ABSENT), from where it comes back.
 * Of several processes that do the same, the one that moves the first entry of a set is first.
 *
 * Context: inside the engine, after engine_start(); or the control thread.
 */
#ifndef PRELOAD_ENGINE_ENTRIES_H
#define PRELOAD_ENGINE_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

struct vfio_device;

enum entry_set {
	ENTRIES_DRIVER,	     /* while it is bound: the links to its driver and back, its cdev */
	ENTRIES_GROUP,	     /* while a device of its group is bound: the group's node */
	ENTRIES_DEVICE,	     /* while it is there: its directory, and the links to that */
	ENTRIES_IOMMU_GROUP, /* while a device of the group is there */
};

/* Whether the first entry of @set is there. */
bool entries_are_there(enum entry_set set, struct vfio_device *device);

/* Takes the entries away, or puts them back. -ENOENT: the first of them is not there. */
int entries_take(enum entry_set set, struct vfio_device *device);
int entries_put(enum entry_set set, struct vfio_device *device);

/*
 * The text of attribute @name: of @device, or a path if @device is NULL. Reading returns the length
 * of what is in @text, @size bytes, with a NUL; or a negative errno. Writing needs the rights of
 * the calling thread.
 */
int entries_read(struct vfio_device *device, const char *name, char *text, size_t size);
int entries_write(struct vfio_device *device, const char *name, const void *bytes, size_t len);

/* How many mappings a container takes: a parameter of its module, which SET_IOMMU reads. */
unsigned int entries_limit(void);

/* Writes @len bytes over the first ones, and leaves those behind them. */
int entries_write_over(struct vfio_device *device, const char *name, const void *bytes, size_t len);

#endif
