/* SPDX-License-Identifier: MIT */
/*
 * Open files of sysfs that reach a device past VFIO: "config", its registers, "resourceN", its
 * BARs, and "rom" [SYSFS-DEVICE.21], [SYSFS-DEVICE.22], [SYSFS-DEVICE.25].
 *
 * Registers are those of the process that has the device open. While none has, they are what the
 * file in the shadow root holds, which all processes share.
 *
 * Context: inside the engine.
 */
#ifndef PRELOAD_ENGINE_RAW_FILE_H
#define PRELOAD_ENGINE_RAW_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

struct uiommufd_caller;
struct vfio_device;

/*
 * *@file, owned: the registers, as far as @caller may read them, BAR @bar or the ROM of the device
 * at @path. 0; -ENODEV; -ENOMEM.
 */
int config_file_create(const char *path, struct uiommufd_caller *caller,
		       struct uiommufd_file **file);
int resource_file_create(const char *path, unsigned int bar, struct uiommufd_file **file);
int rom_file_create(const char *path, struct uiommufd_file **file);

/*
 * A descriptor of a memory file with what the registers of the device at @path hold now, as far as
 * @caller may read them. Or a negative errno.
 */
int config_file_snapshot(const char *path, struct uiommufd_caller *caller);

/* The same of its ROM; -EINVAL unless reading that is enabled. */
int rom_file_snapshot(const char *path);

/*
 * Reads and writes up to 256 bytes of registers, wherever the device is open; if nowhere, for all
 * processes. Returns how many bytes.
 */
size_t raw_read(struct vfio_device *device, uint64_t off, uint8_t *bytes, size_t len);
size_t raw_write(struct vfio_device *device, uint64_t off, const uint8_t *bytes, size_t len);

/* Takes what other processes have written to @device while none had it open. */
void raw_recall(struct vfio_device *device);

#endif
