/* SPDX-License-Identifier: MIT */
/*
 * What sysfs shows of the emulated machine: the attributes of attributes.def, and the text of those
 * of a PCI device.
 *
 * Locks: none. An attribute reads what the device says of itself (vfio/vfio.h).
 */
#ifndef SYSFS_ATTRIBUTE_H
#define SYSFS_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vfio/vfio.h"

enum {
	SYSFS_TEXT = 4096, /* the most that an attribute shows or takes, with a NUL */
};

struct sysfs_attribute {
	const char *name; /* below the device's directory, or a whole path */
	mode_t mode;
	bool fixed; /* @name is a path, perhaps with a number as '*'; of no device */
	bool live;  /* each read shows it anew */
	bool (*when)(struct vfio_device *device);
	int (*show)(struct vfio_device *device, char *text); /* the length, or a negative errno */
	const char *text;				     /* of a fixed one */
};

/* Attribute @index, in the order of attributes.def; NULL past the end. */
const struct sysfs_attribute *sysfs_attribute_at(size_t index);

/*
 * The attribute at the canonical @path (/sys/devices/pciDDDD:BB/BDF/NAME, or the path of a fixed
 * one), its index in *@index; NULL: there is none, or it is a file without more to it.
 */
const struct sysfs_attribute *sysfs_attribute_find(const char *path, size_t *index);

/* Whether @device has @attribute. */
bool sysfs_has(const struct sysfs_attribute *attribute, struct vfio_device *device);

/*
 * Writes what @attribute shows of @device (NULL for a fixed one) to @text, SYSFS_TEXT bytes. The
 * length, or the negative errno of reading it.
 */
int sysfs_show(const struct sysfs_attribute *attribute, struct vfio_device *device, char *text);

#endif
