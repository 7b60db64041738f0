/* SPDX-License-Identifier: MIT */
/* See path_names.h. Cost: a comparison for each tree. */
#include "preload/process/path_names.h"

#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dev_names.h"
#include "preload/start/layout.h"
#include "sysfs/attribute.h"

static const char *const emulated_trees[] = {
	DEV_IOMMU,
	DEV_VFIO,
	LAYOUT_SYS_PCI,
	LAYOUT_SYS_GROUPS,
	LAYOUT_SYS_VFIO,
	LAYOUT_SYS_CLASS_GROUPS,
	LAYOUT_SYS_CLASS_IOMMU,
	LAYOUT_SYS_CLASS_MISC "/iommu",
	LAYOUT_SYS_CLASS_MISC "/vfio",
	LAYOUT_SYS_DEBUG,
	LAYOUT_SYS_VIRTUAL "/vfio",
	LAYOUT_SYS_VIRTUAL "/iommu",
	LAYOUT_SYS_VIRTUAL "/misc/iommu",
	LAYOUT_SYS_VIRTUAL "/misc/vfio",
	LAYOUT_SYS_IOMMUFD,
	LAYOUT_SYS_VFIO_CORE,
	LAYOUT_SYS_VFIO_PCI,
	LAYOUT_SYS_PCI_CORE,
	LAYOUT_SYS_TYPE1,
	LAYOUT_SYS_IRQBYPASS,
	LAYOUT_SYS_NUMBERS LAYOUT_NUMBER(LAYOUT_MISC_MAJOR, LAYOUT_IOMMU_MINOR),
	LAYOUT_SYS_NUMBERS LAYOUT_NUMBER(LAYOUT_MISC_MAJOR, LAYOUT_CONTAINER_MINOR),
	LAYOUT_PROC_MODULES,
	LAYOUT_PROC_DEVICES,
	LAYOUT_PROC_MISC,
	LAYOUT_PROC_PCI,
};

/* How names of emulated trees begin of which there are many. */
static const char *const emulated_beginnings[] = {
	LAYOUT_SYS_PCI_BUSES,
	LAYOUT_SYS_NUMBERS LAYOUT_TEXT(LAYOUT_GROUP_MAJOR) ":",
	LAYOUT_SYS_NUMBERS LAYOUT_TEXT(LAYOUT_CDEV_MAJOR) ":",
	LAYOUT_SYS_PLATFORM "arm-smmu-v3.",
	LAYOUT_SYS_PLATFORM "riscv-iommu.",
};

/* The directories above the emulated trees. */
static const char *const ancestors[] = {
	"/dev",
	"/sys",
	"/sys/bus",
	"/sys/class",
	"/sys/kernel",
	"/sys/devices",
	"/sys/module",
	LAYOUT_SYS_CLASS_MISC,
	"/sys/dev",
	"/sys/dev/char",
	"/sys/devices/platform",
	LAYOUT_SYS_VIRTUAL,
	LAYOUT_SYS_VIRTUAL "/misc",
	"/proc",
	"/proc/bus",
	"/proc/bus/pci",
};

bool path_device_number(struct node node, unsigned int *device_major, unsigned int *device_minor)
{
	switch (node.kind) {
	case NODE_IOMMU:
	case NODE_CONTAINER:
		*device_major = LAYOUT_MISC_MAJOR;
		*device_minor = node.kind == NODE_IOMMU ? LAYOUT_IOMMU_MINOR
							: LAYOUT_CONTAINER_MINOR;
		return true;
	case NODE_GROUP:
	case NODE_CDEV:
		*device_major = node.kind == NODE_GROUP ? LAYOUT_GROUP_MAJOR : LAYOUT_CDEV_MAJOR;
		*device_minor = node.number;
		return true;
	case NODE_CONFIG:
	case NODE_ROM:
	case NODE_RESOURCE:
	case NODE_ATTRIBUTE:
	case NODE_NONE:
		break;
	}
	return false;
}

bool path_is_within(const char *name, const char *tree)
{
	size_t len = strlen(tree);

	return strncmp(name, tree, len) == 0 && (name[len] == '/' || name[len] == '\0');
}

bool path_is_one_of_many(const char *name)
{
	for (size_t i = 0; i < sizeof(emulated_beginnings) / sizeof(emulated_beginnings[0]); i++) {
		const char *beginning = emulated_beginnings[i];

		if (strncmp(name, beginning, strlen(beginning)) == 0)
			return true;
	}
	return false;
}

bool path_is_emulated(const char *name)
{
	for (size_t i = 0; i < sizeof(emulated_trees) / sizeof(emulated_trees[0]); i++) {
		/* Most paths differ from most trees here: /dev, /sys, /proc. */
		if (name[1] == emulated_trees[i][1] && path_is_within(name, emulated_trees[i]))
			return true;
	}
	return path_is_one_of_many(name);
}

bool path_is_shared(const char *name)
{
	for (size_t i = 0; i < sizeof(ancestors) / sizeof(ancestors[0]); i++) {
		if (strcmp(name, ancestors[i]) == 0)
			return true;
	}
	return false;
}

/* Whether @name in sysfs is a file of bytes. */
static bool is_binary(const char *name)
{
	return strcmp(name, "config") == 0 || strcmp(name, "vpd") == 0 ||
	       strcmp(name, "rom") == 0 ||
	       (strncmp(name, "resource", 8) == 0 && name[8] >= '0' && name[8] <= '9');
}

bool path_size(const char *name, mode_t mode, uint64_t *size)
{
	if (strncmp(name, "/sys/", 5) != 0 || (S_ISREG(mode) && is_binary(strrchr(name, '/') + 1)))
		return false;
	*size = S_ISREG(mode) ? PATH_TEXT_SIZE : 0;
	return true;
}

/* Whether all of @text is one decimal number: *@number. */
static bool parse_number(const char *text, unsigned int *number)
{
	unsigned int value = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9' && p < text + 9; p++)
		value = value * 10 + (unsigned int)(*p - '0');
	*number = value;
	return p > text && *p == '\0';
}

/* The node at @resolved in sysfs: of a device in the directory of its bus, or a fixed attribute. */
static struct node sysfs_node(const char *resolved)
{
	static const char resource[] = "/resource";
	struct node node = {.kind = NODE_NONE};
	const char *last = strrchr(resolved, '/');
	size_t index;

	if (sysfs_attribute_find(resolved, &index))
		return (struct node){.kind = NODE_ATTRIBUTE, .number = (unsigned int)index};
	if (strncmp(resolved, LAYOUT_SYS_PCI_BUSES, strlen(LAYOUT_SYS_PCI_BUSES)) != 0)
		return node;
	if (strcmp(last, "/config") == 0)
		node.kind = NODE_CONFIG;
	else if (strcmp(last, "/rom") == 0)
		node.kind = NODE_ROM;
	else if (strncmp(last, resource, sizeof(resource) - 1) == 0 &&
		 parse_number(last + sizeof(resource) - 1, &node.number))
		node.kind = NODE_RESOURCE;
	return node;
}

struct node path_node(const char *resolved)
{
	static const char cdevs[] = DEV_CDEVS "/vfio";
	static const char groups[] = DEV_VFIO "/";
	struct node node = {.kind = NODE_NONE};

	if (strcmp(resolved, DEV_IOMMU) == 0)
		node.kind = NODE_IOMMU;
	else if (strcmp(resolved, DEV_CONTAINER) == 0)
		node.kind = NODE_CONTAINER;
	else if (strncmp(resolved, cdevs, sizeof(cdevs) - 1) == 0 &&
		 parse_number(resolved + sizeof(cdevs) - 1, &node.number))
		node.kind = NODE_CDEV;
	else if (strncmp(resolved, groups, sizeof(groups) - 1) == 0 &&
		 parse_number(resolved + sizeof(groups) - 1, &node.number))
		node.kind = NODE_GROUP;
	else if (strncmp(resolved, "/sys/", 5) == 0)
		node = sysfs_node(resolved);
	return node;
}

bool path_bdf(const char *path, char bdf[PATH_BDF])
{
	const size_t buses = strlen(LAYOUT_SYS_PCI_BUSES);
	const char *name, *end;

	if (strncmp(path, LAYOUT_SYS_PCI_BUSES, buses) != 0)
		return false;
	name = strchr(path + buses, '/');
	end = name ? strchr(++name, '/') : NULL;
	if (!end || end - name >= PATH_BDF)
		return false;
	memcpy(bdf, name, (size_t)(end - name));
	bdf[end - name] = '\0';
	return true;
}

int path_in_directory(uint64_t resolve, const char *path)
{
	const size_t slashes = strspn(path, "/");

	if (!(resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)))
		return 0;
	for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2) {
		if ((at == path || at[-1] == '/') && (!at[2] || at[2] == '/'))
			return -1;
	}
	if ((slashes && resolve & RESOLVE_BENEATH) || !path[slashes])
		return -1;
	return (int)slashes;
}
