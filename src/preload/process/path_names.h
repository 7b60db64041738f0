/* SPDX-License-Identifier: MIT */
/*
 * Which names are emulated, and what stands behind them: by the text of a canonical path.
 *
 * Context: any thread, any signal handler.
 */
#ifndef PRELOAD_PROCESS_PATH_NAMES_H
#define PRELOAD_PROCESS_PATH_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Emulated files that are more than the file in the shadow root. */
enum node_kind {
	NODE_NONE,
	NODE_IOMMU,	/* /dev/iommu */
	NODE_CONTAINER, /* /dev/vfio/vfio */
	NODE_GROUP,	/* /dev/vfio/N */
	NODE_CDEV,	/* /dev/vfio/devices/vfioN */
	NODE_CONFIG,	/* /sys/devices/pciDDDD:BB/BDF/config */
	NODE_RESOURCE,	/* .../resourceN */
	NODE_ROM,	/* .../rom */
	NODE_ATTRIBUTE, /* that can be written, or is live (sysfs/attribute.h) */
};

struct node {
	enum node_kind kind;
	unsigned int number; /* of group, cdev or resource; index of the attribute */
};

/* The node that the program calls @resolved. */
struct node path_node(const char *resolved);

/* Whether @node is a device node; else it is nothing, or a file of sysfs. */
static inline bool path_is_device(struct node node)
{
	return node.kind >= NODE_IOMMU && node.kind <= NODE_CDEV;
}

/* The device number of @node. False: it is no device. */
bool path_device_number(struct node node, unsigned int *device_major, unsigned int *device_minor);

/* Whether @name is @tree or below it. */
bool path_is_within(const char *name, const char *tree);

/* Whether @name is in an emulated tree. */
bool path_is_emulated(const char *name);

/*
 * Whether that tree is one of many, as the PCI buses, of which the machine has some and the system
 * others.
 */
bool path_is_one_of_many(const char *name);

/* Whether @name is a directory of the real system with emulated entries among its own, as /dev. */
bool path_is_shared(const char *name);

enum {
	PATH_BDF = 32,	       /* bytes of a device's name, with a NUL */
	PATH_TEXT_SIZE = 4096, /* what a text of sysfs says that it has [SYSFS-RULES.2] */
};

/*
 * Whether sysfs says of the file @name of @mode that it has *@size bytes, whatever it has: of a
 * text, a link, or a directory [SYSFS-RULES].
 */
bool path_size(const char *name, mode_t mode, uint64_t *size);

/*
 * For openat2() with @resolve (RESOLVE_BENEATH, RESOLVE_IN_ROOT): how many first characters of
 * @path to leave out, so that it begins in the directory. -1: the kernel is to follow it, because
 * it may leave the directory.
 */
int path_in_directory(uint64_t resolve, const char *path);

/* The name of the PCI device in whose directory of sysfs @path is. False: it is in none. */
bool path_bdf(const char *path, char bdf[PATH_BDF]);

#endif
