/* SPDX-License-Identifier: MIT */
/* What writes to the attributes of sysfs do (sysfs/attributes.def). */
#ifndef PRELOAD_ENGINE_STORE_H
#define PRELOAD_ENGINE_STORE_H

#include <stddef.h>

struct uiommufd_caller;
struct vfio_device;

/*
 * One write by @caller of @text, @len bytes and a NUL, to attribute @index at @path, of @device
 * (NULL: a fixed one). 0 or a negative errno.
 *
 * Context: inside the engine. May wait as long as a program has a device open (hotplug.h).
 */
int store_attribute(size_t index, const char *path, struct vfio_device *device,
		    struct uiommufd_caller *caller, const char *text, size_t len);

/* Takes what other processes have written to reset_method and msi_bus of @device. */
void store_recall(struct vfio_device *device);

/* The same of enable, which is read each time. */
void store_recall_enables(struct vfio_device *device);

#endif
