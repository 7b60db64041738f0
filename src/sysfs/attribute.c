/* SPDX-License-Identifier: MIT */
/* The table of attributes. Cost of a look-up by path: a few compared strings. */
#include "sysfs/attribute.h"

#include <assert.h>
#include <string.h>

#include "sysfs/show.h"

#define ATTRIBUTE(name_, mode_, when_, show_fn_, store_, live_) \
	{                                                       \
		.name = name_,                                  \
		.mode = mode_,                                  \
		.live = live_,                                  \
		.when = has_##when_,                            \
		.show = show_##show_fn_,                        \
	},
#define FIXED(path_, mode_, text_, store_) \
	{                                  \
		.name = path_,             \
		.mode = mode_,             \
		.fixed = true,             \
		.text = text_,             \
	},
static const struct sysfs_attribute attributes[] = {
#include "sysfs/attributes.def"
};

enum {
	ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]),
};

static const char buses[] = "/sys/devices/pci";

const struct sysfs_attribute *sysfs_attribute_at(size_t index)
{
	return index < ATTRIBUTES ? &attributes[index] : NULL;
}

/* What follows "/sys/devices/pciDDDD:BB/BDF/" in @path; NULL: it is another. */
static const char *below_device(const char *path)
{
	if (strncmp(path, buses, sizeof(buses) - 1) != 0)
		return NULL;
	path = strchr(path + sizeof(buses) - 1, '/');
	path = path ? strchr(path + 1, '/') : NULL;
	return path ? path + 1 : NULL;
}

/* Whether @path is @name, in which a '*' stands for a number. */
static bool is_name(const char *name, const char *path)
{
	const char *star = strchr(name, '*');
	size_t digits;

	if (!star)
		return strcmp(name, path) == 0;
	if (strncmp(name, path, (size_t)(star - name)) != 0)
		return false;
	path += star - name;
	digits = strspn(path, "0123456789");
	return digits && strcmp(path + digits, star + 1) == 0;
}

const struct sysfs_attribute *sysfs_attribute_find(const char *path, size_t *index)
{
	const char *below = below_device(path);

	for (*index = 0; *index < ATTRIBUTES; ++*index) {
		const struct sysfs_attribute *attribute = &attributes[*index];
		const char *name = attribute->fixed ? path : below;

		if (!name || !is_name(attribute->name, name))
			continue;
		return attribute->live || attribute->mode & 0222 ? attribute : NULL;
	}
	return NULL;
}

bool sysfs_has(const struct sysfs_attribute *attribute, struct vfio_device *device)
{
	return !attribute->fixed && attribute->when(device);
}

int sysfs_show(const struct sysfs_attribute *attribute, struct vfio_device *device, char *text)
{
	if (attribute->fixed) {
		strcpy(text, attribute->text);
		return (int)strlen(text);
	}
	assert(device);
	return attribute->show(device, text);
}
