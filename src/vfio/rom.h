/* SPDX-License-Identifier: MIT */
/*
 * The expansion ROM of a device (PCI Local Bus 3.0 6.3): bytes that are read through the ROM region
 * of VFIO and through sysfs' file "rom". They are those of the model, or of the file that the
 * option "romfile" of the device names.
 *
 * A ROM has two sizes: that of its BAR, a power of two, and that of the images in it, which the
 * kernel finds by their headers. Without a valid image the BAR has its size, and nothing is read
 * [CONFIG-REGIONS.6].
 */
#ifndef VFIO_ROM_H
#define VFIO_ROM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uiommufd/device.h>

struct device_spec;
struct uiommufd_caller;
struct vfio_device;

enum {
	ROM_LEAST = 2048,    /* bytes of the smallest BAR of a ROM */
	ROM_MOST = 16 << 20, /* and of the largest: its address has 24 bits to choose from */
};

/* An option of every device that a machine has. */
extern const struct uiommufd_option rom_option;

struct device_rom {
	const uint8_t *bytes; /* NULL: the device has no ROM */
	uint8_t *owned;	      /* @bytes, if they come from a file */
	uint32_t len;
	uint32_t images; /* how much of it valid images take; 0: none is valid */
};

/* The bytes that the valid images at the start of @bytes take. */
uint32_t rom_images(const uint8_t *bytes, uint32_t len);

/* The size of the BAR of a ROM of @len bytes; 0 for 0. */
uint64_t rom_window(uint64_t len);

/*
 * Sets up the ROM of @device, whose options are set. 0; or an error, with a text for the user in
 * the @why of @spec: the file cannot be read, or is none of at most ROM_MOST bytes.
 */
int rom_init(struct vfio_device *device, const struct device_spec *spec);
void rom_destroy(struct vfio_device *device);

/* read() of the ROM region of a device's file [PCI-ACCESS.3], from @off on. */
ssize_t rom_region_read(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t off,
			uint64_t buf, size_t len);

#endif
