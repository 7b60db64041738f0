/* SPDX-License-Identifier: MIT */
/*
 * Each line of the file is an entry. Two processes that write at the same time may lose one of two
 * entries: nothing keeps them apart, as nobody does that.
 */
#include "preload/engine/ids.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "preload/engine/entries.h"
#include "preload/start/layout.h"
#include "sysfs/attribute.h"

/* "ID of anything", as the kernel has it. */
#define ANY UINT32_MAX

struct id {
	uint32_t vendor, device, subvendor, subdevice, class, mask;
};

/* Returns how many numbers @text begins with; @id has those, and the kernel's for the others. */
static int parse(const char *text, struct id *id)
{
	unsigned long data = 0;
	int count;

	*id = (struct id){.subvendor = ANY, .subdevice = ANY};
	count = sscanf(
		text, "%" SCNx32 " %" SCNx32 " %" SCNx32 " %" SCNx32 " %" SCNx32 " %" SCNx32 " %lx",
		&id->vendor, &id->device, &id->subvendor, &id->subdevice, &id->class, &id->mask,
		&data);
	return data ? -1 : count;
}

static bool equal(const struct id *a, const struct id *b)
{
	return a->vendor == b->vendor && a->device == b->device && a->subvendor == b->subvendor &&
	       a->subdevice == b->subdevice && a->class == b->class && a->mask == b->mask;
}

static void read_file(char text[SYSFS_TEXT])
{
	if (entries_read(NULL, "/" LAYOUT_IDS, text, SYSFS_TEXT) < 0)
		text[0] = '\0';
}

/* The line of @text with the entry @id; NULL: there is none. */
static char *find(char *text, const struct id *id)
{
	struct id entry;

	for (char *line = text; *line; line += strcspn(line, "\n") + 1) {
		(void)parse(line, &entry);
		if (equal(&entry, id))
			return line;
	}
	return NULL;
}

int ids_add(const char *text)
{
	char all[SYSFS_TEXT];
	struct id id;
	size_t len;

	if (parse(text, &id) < 2)
		return -EINVAL;
	read_file(all);
	if (find(all, &id))
		return -EEXIST;
	len = strlen(all);
	len += (size_t)snprintf(all + len, sizeof(all) - len, "%x %x %x %x %x %x\n", id.vendor,
				id.device, id.subvendor, id.subdevice, id.class, id.mask);
	if (len >= sizeof(all))
		return -ENOMEM;
	return entries_write(NULL, "/" LAYOUT_IDS, all, len);
}

int ids_remove(const char *text)
{
	char all[SYSFS_TEXT];
	char *line, *next;
	struct id id;

	if (parse(text, &id) < 2)
		return -EINVAL;
	read_file(all);
	line = find(all, &id);
	if (!line)
		return -ENODEV;
	next = line + strcspn(line, "\n") + 1;
	memmove(line, next, strlen(next) + 1);
	return entries_write(NULL, "/" LAYOUT_IDS, all, strlen(all));
}

static uint32_t number(struct vfio_device *device, uint64_t off, unsigned int size)
{
	uint8_t bytes[4] = {0};
	uint32_t value = 0;

	(void)vfio_device_config_read(device, off, bytes, size);
	for (unsigned int i = size; i-- > 0;)
		value = value << 8 | bytes[i];
	return value;
}

static bool matches(const struct id *id, struct vfio_device *device)
{
	/* Offsets in config space (PCI 3.0, 6.1). */
	enum {
		VENDOR = 0x00,
		DEVICE = 0x02,
		CLASS = 0x08,
		SUBVENDOR = 0x2c,
		SUBDEVICE = 0x2e,
	};
	const uint32_t class = number(device, CLASS, 4) >> 8;

	return id->vendor == number(device, VENDOR, 2) && id->device == number(device, DEVICE, 2) &&
	       (id->subvendor == ANY || id->subvendor == number(device, SUBVENDOR, 2)) &&
	       (id->subdevice == ANY || id->subdevice == number(device, SUBDEVICE, 2)) &&
	       !((id->class ^ class) & id->mask);
}

bool ids_match(struct vfio_device *device)
{
	char all[SYSFS_TEXT];
	struct id id;

	read_file(all);
	for (char *line = all; *line; line += strcspn(line, "\n") + 1) {
		(void)parse(line, &id);
		if (matches(&id, device))
			return true;
	}
	return false;
}
