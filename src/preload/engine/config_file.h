/* SPDX-License-Identifier: MIT */
/* The file "config" of a PCI device in sysfs: its config space, live. */
#ifndef PRELOAD_ENGINE_CONFIG_FILE_H
#define PRELOAD_ENGINE_CONFIG_FILE_H

struct uiommufd_file;
struct vfio_device;

/* A file that reads the config space of @device. 0; -ENODEV if @device is NULL; -ENOMEM. */
int config_file_create(struct vfio_device *device, struct uiommufd_file **file);

/* A descriptor of a file with what the config space holds now, for the C library's streams, which
 * read without asking us. Or a negative errno. */
int config_file_snapshot(struct vfio_device *device);

#endif
