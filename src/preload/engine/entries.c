/* SPDX-License-Identifier: MIT */
/* See entries.h. */
#include "preload/engine/entries.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/dev_names.h"
#include "machine/machine.h"
#include "preload/engine/engine.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

/*
 * All this happens in calls on VFIO's files, on the program's stack: a thread of User Mode Linux
 * has 16 KiB, so no buffer is of PATH_MAX.
 */
enum {
	DEVICE_DIR = 128,			     /* a device's folder below the root */
	ENTRY_PATH = DEVICE_DIR + 64,		     /* an entry */
	PLACE_PATH = ROOT_MAX + 32 + ENTRY_PATH,     /* the same with the root */
	ASIDE_PATH = PLACE_PATH + 32,		     /* and another name for it */
	TEXT_PATH = ROOT_MAX + DEVICE_DIR + 256 + 2, /* an attribute of it */
};

/* The directory of @device. */
static void directory_of(struct vfio_device *device, char path[DEVICE_DIR])
{
	const struct pci_bdf bdf = vfio_device_bdf(device);

	snprintf(path, DEVICE_DIR, LAYOUT_SYS_PCI_BUSES "%04x:%02x/%s", bdf.domain, bdf.bus,
		 vfio_device_name(device));
}

static unsigned int group_of(struct vfio_device *device)
{
	size_t index = 0;

	while (machine_device(engine_machine(), index) != device)
		index++;
	return machine_device_group(engine_machine(), index);
}

/* Entry number @at of what a driver has to do with @device. False: there are fewer. */
static bool driver_entry(struct vfio_device *device, unsigned int at, char path[ENTRY_PATH])
{
	const unsigned int index = vfio_device_index(device);
	char dir[DEVICE_DIR];

	directory_of(device, dir);
	switch (at) {
	case 0:
		return snprintf(path, ENTRY_PATH, "%s/driver", dir);
	case 1:
		return snprintf(path, ENTRY_PATH, LAYOUT_SYS_PCI "/drivers/vfio-pci/%s",
				vfio_device_name(device));
	case 2:
		return snprintf(path, ENTRY_PATH, "%s/vfio-dev", dir);
	case 3:
		return snprintf(path, ENTRY_PATH, LAYOUT_SYS_VFIO "/vfio%u", index);
	case 4:
		return snprintf(path, ENTRY_PATH, LAYOUT_SYS_NUMBERS "%u:%u", LAYOUT_CDEV_MAJOR,
				index);
	case 5:
		return snprintf(path, ENTRY_PATH, DEV_CDEV, index);
	default:
		return false;
	}
}

static bool group_entry(struct vfio_device *device, unsigned int at, char path[ENTRY_PATH])
{
	const unsigned int group = group_of(device);

	switch (at) {
	case 0:
		return snprintf(path, ENTRY_PATH, LAYOUT_SYS_CLASS_GROUPS "/%u", group);
	case 1:
		return snprintf(path, ENTRY_PATH, LAYOUT_SYS_VIRTUAL "/vfio/%u", group);
	case 2:
		return snprintf(path, ENTRY_PATH, LAYOUT_SYS_NUMBERS "%u:%u", LAYOUT_GROUP_MAJOR,
				group);
	case 3:
		return snprintf(path, ENTRY_PATH, DEV_GROUP, group);
	default:
		return false;
	}
}

/* The directory goes last, as one of the others is found through it. */
static bool device_entry(struct vfio_device *device, unsigned int at, char path[ENTRY_PATH])
{
	char dir[DEVICE_DIR];

	switch (at) {
	case 0:
		return snprintf(path, ENTRY_PATH, LAYOUT_SYS_PCI "/devices/%s",
				vfio_device_name(device));
	case 1:
		return snprintf(path, ENTRY_PATH, LAYOUT_SYS_GROUPS "/%u/devices/%s",
				group_of(device), vfio_device_name(device));
	case 2:
		directory_of(device, dir);
		return snprintf(path, ENTRY_PATH, "%s/iommu/devices/%s", dir,
				vfio_device_name(device));
	case 3:
		directory_of(device, path);
		return true;
	default:
		return false;
	}
}

static bool entry_at(enum entry_set set, struct vfio_device *device, unsigned int at,
		     char path[ENTRY_PATH])
{
	switch (set) {
	case ENTRIES_DRIVER:
		return driver_entry(device, at, path);
	case ENTRIES_GROUP:
		return group_entry(device, at, path);
	case ENTRIES_DEVICE:
		return device_entry(device, at, path);
	case ENTRIES_IOMMU_GROUP:
		return at == 0 &&
		       snprintf(path, ENTRY_PATH, LAYOUT_SYS_GROUPS "/%u", group_of(device));
	}
	return false;
}

/* Where the entry @path is in the root, and where it is while it is absent. */
static void places_of(const char *path, char there[PLACE_PATH], char absent[PLACE_PATH])
{
	char *name;

	snprintf(there, PLACE_PATH, "%s%s", root_path(), path);
	snprintf(absent, PLACE_PATH, "%s/" LAYOUT_ABSENT "/", root_path());
	name = absent + strlen(absent);
	snprintf(name, (size_t)(absent + PLACE_PATH - name), "%s", path);
	while ((name = strchr(name, '/')))
		*name = '!';
}

static int move(const char *from, const char *to)
{
	return (int)SYS(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static bool is_node(const char *path)
{
	static const char dev[] = "/dev/";

	return strncmp(path, dev, sizeof(dev) - 1) == 0;
}

/*
 * Who watches the directory of a node sees it made and removed, as in devtmpfs. Of several
 * processes, the first entry of a set has decided which one does this: no node is the first.
 */
static int move_node(const char *from, const char *to)
{
	int rc = (int)SYS(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);

	if (rc == -EEXIST) {
		(void)SYS(SYS_unlinkat, AT_FDCWD, to, 0);
		rc = (int)SYS(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
	}
	/* A file system without links. */
	if (rc == -EPERM || rc == -EOPNOTSUPP)
		return move(from, to);
	return rc ? rc : (int)SYS(SYS_unlinkat, AT_FDCWD, from, 0);
}

/* A directory of a device that was there before may be in the way: it gets a name of its own. */
static int move_away(const char *there, const char *absent)
{
	char aside[ASIDE_PATH];
	int rc = move(there, absent);

	for (unsigned int i = 0; (rc == -ENOTEMPTY || rc == -EEXIST) && i < 1000; i++) {
		snprintf(aside, sizeof(aside), "%s.%u", absent, i);
		if (move(absent, aside) == 0)
			rc = move(there, absent);
	}
	return rc;
}

bool entries_are_there(enum entry_set set, struct vfio_device *device)
{
	char path[ENTRY_PATH], there[PLACE_PATH], absent[PLACE_PATH];
	struct stat st;

	(void)entry_at(set, device, 0, path);
	places_of(path, there, absent);
	return SYS(SYS_newfstatat, AT_FDCWD, there, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int entries_take(enum entry_set set, struct vfio_device *device)
{
	char path[ENTRY_PATH], there[PLACE_PATH], absent[PLACE_PATH];
	int rc;

	for (unsigned int at = 0; entry_at(set, device, at, path); at++) {
		places_of(path, there, absent);
		rc = (is_node(path) ? move_node : move_away)(there, absent);
		if (rc && at == 0)
			return rc;
	}
	return 0;
}

/* In the opposite order, so that the first entry is there when all are. */
int entries_put(enum entry_set set, struct vfio_device *device)
{
	char path[ENTRY_PATH], there[PLACE_PATH], absent[PLACE_PATH];
	unsigned int count = 0;
	int rc = 0;

	while (entry_at(set, device, count, path))
		count++;
	while (count) {
		(void)entry_at(set, device, --count, path);
		places_of(path, there, absent);
		rc = (is_node(path) ? move_node : move)(absent, there);
	}
	return rc;
}

static void text_path(struct vfio_device *device, const char *name, char path[TEXT_PATH])
{
	char dir[DEVICE_DIR] = "";

	if (device)
		directory_of(device, dir);
	snprintf(path, TEXT_PATH, "%s%s%s%.255s", root_path(), dir, device ? "/" : "", name);
}

int entries_read(struct vfio_device *device, const char *name, char *text, size_t size)
{
	char path[TEXT_PATH];
	long fd, len;

	text_path(device, name, path);
	fd = SYS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	len = SYS(SYS_read, fd, text, size - 1);
	SYS(SYS_close, fd);
	if (len >= 0)
		text[len] = '\0';
	return (int)len;
}

static int write_text(struct vfio_device *device, const char *name, const void *bytes, size_t len,
		      bool whole)
{
	char path[TEXT_PATH];
	long fd, rc;

	text_path(device, name, path);
	fd = SYS(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	rc = SYS(SYS_pwrite64, fd, bytes, len, 0);
	if (rc >= 0 && whole)
		rc = SYS(SYS_ftruncate, fd, len);
	SYS(SYS_close, fd);
	return (int)rc;
}

int entries_write(struct vfio_device *device, const char *name, const void *bytes, size_t len)
{
	return write_text(device, name, bytes, len, true);
}

int entries_write_over(struct vfio_device *device, const char *name, const void *bytes, size_t len)
{
	return write_text(device, name, bytes, len, false);
}

unsigned int entries_limit(void)
{
	enum {
		USUAL = 65535,
	};
	char text[16];
	unsigned int limit;

	if (entries_read(NULL, LAYOUT_SYS_TYPE1 "/parameters/dma_entry_limit", text, sizeof(text)) <
		    0 ||
	    sscanf(text, "%u", &limit) != 1)
		return USUAL;
	return limit;
}
