/* SPDX-License-Identifier: MIT */
/*
 * The IDs of devices that the files new_id and remove_id have taught vfio-pci
 * [SYSFS-DRIVER.5], [SYSFS-DRIVER.6], in a file of the shadow root.
 *
 * Context: inside the engine.
 */
#ifndef PRELOAD_ENGINE_IDS_H
#define PRELOAD_ENGINE_IDS_H

#include <stdbool.h>

struct vfio_device;

/* Takes what is written to the files. 0; -EINVAL; -EEXIST, -ENODEV. */
int ids_add(const char *text);
int ids_remove(const char *text);

/* Whether @device has one of them. */
bool ids_match(struct vfio_device *device);

#endif
