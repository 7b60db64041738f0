/* SPDX-License-Identifier: MIT */
/*
 * The emulated part of /dev and /sys as files, and links to what the real system has in the same
 * directories.
 */
#include "cmd/shadow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dev_names.h"
#include "iommu/iommu.h"
#include "preload/start/layout.h"
#include "sysfs/attribute.h"

/* The description of @machine at @path of the tree. */
static void add_machine(struct tree *tree, const struct machine *machine, const char *path)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc = -ENOMEM;

	if (out) {
		rc = machine_format(machine, out);
		if (fclose(out) && !rc)
			rc = -ENOMEM;
	}
	if (rc)
		tree_fail(tree, rc, path);
	else
		tree_bytes(tree, path, 0444, text, len);
	free(text);
}

/* Formats the reserved regions of a device behind @iommu, one per line. */
static void format_reserved(struct iommu *iommu, char *text, size_t size)
{
	struct iommu_endpoint *probe;
	const struct resv_region *reserved;
	size_t count;
	size_t len = 0;

	text[0] = '\0';
	if (iommu_endpoint_create(iommu, "", &probe))
		return;
	reserved = iommu_endpoint_reserved(probe, &count);
	for (size_t i = 0; i < count && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "0x%016llx 0x%016llx %s\n",
					(unsigned long long)reserved[i].range.start,
					(unsigned long long)reserved[i].range.last,
					iommu_resv_word(reserved[i].type));
	iommu_endpoint_destroy(probe);
}

void shadow_add_class(struct tree *tree, const struct shadow_class *entry)
{
	const struct {
		const char *name;
		const char *text;
	} power[] = {
		{"control", "auto\n"},
		{"runtime_status", "unsupported\n"},
		{"runtime_active_time", "0\n"},
		{"runtime_suspended_time", "0\n"},
	};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/dev", entry->dir);
	tree_text(tree, path, 0444, "%u:%u\n", entry->major, entry->minor);
	snprintf(path, sizeof(path), "%s/uevent", entry->dir);
	tree_text(tree, path, 0644, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n%s%s%s", entry->major,
		  entry->minor, entry->node, entry->mode ? "DEVMODE=" : "",
		  entry->mode ? entry->mode : "", entry->mode ? "\n" : "");
	for (size_t i = 0; i < sizeof(power) / sizeof(power[0]); i++) {
		snprintf(path, sizeof(path), "%s/power/%s", entry->dir, power[i].name);
		tree_text(tree, path, i ? 0444 : 0644, "%s", power[i].text);
	}
	if (entry->parent) {
		snprintf(path, sizeof(path), "%s/device", entry->dir);
		tree_link(tree, path, entry->parent);
	}
	snprintf(path, sizeof(path), "%s/subsystem", entry->dir);
	tree_link(tree, path, entry->class);
	snprintf(path, sizeof(path), "%s/%s", entry->class, entry->name);
	tree_link(tree, path, entry->dir);
	snprintf(path, sizeof(path), LAYOUT_SYS_NUMBERS "%u:%u", entry->major, entry->minor);
	tree_link(tree, path, entry->dir);
}

/* A device of the class "misc", whose node is @node in /dev. */
static void add_misc(struct tree *tree, const char *name, const char *node, const char *mode,
		     unsigned int minor)
{
	struct shadow_class entry = {
		.class = LAYOUT_SYS_CLASS_MISC,
		.mode = mode,
		.major = LAYOUT_MISC_MAJOR,
		.minor = minor,
	};

	snprintf(entry.name, sizeof(entry.name), "%s", name);
	snprintf(entry.dir, sizeof(entry.dir), LAYOUT_SYS_VIRTUAL "/misc/%s", name);
	snprintf(entry.node, sizeof(entry.node), "%s", node);
	shadow_add_class(tree, &entry);
}

static bool has_group(const struct tree *tree, unsigned int group)
{
	char path[PATH_MAX], real[PATH_MAX];

	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u/type", group);
	tree_real_path(tree, path, real);
	return access(real, F_OK) == 0;
}

static void add_group(struct tree *tree, const struct machine *machine, size_t index)
{
	const unsigned int group = machine_device_group(machine, index);
	struct shadow_class entry = {
		.class = LAYOUT_SYS_CLASS_GROUPS,
		.major = LAYOUT_GROUP_MAJOR,
		.minor = group,
	};
	char regions[1024];
	char path[PATH_MAX];

	/* Devices that share a group share its files. */
	if (has_group(tree, group))
		return;
	format_reserved(machine_device_iommu(machine, index), regions, sizeof(regions));
	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u/reserved_regions", group);
	tree_text(tree, path, 0444, "%s", regions);
	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u/type", group);
	tree_text(tree, path, 0644, "DMA\n");
	snprintf(path, sizeof(path), DEV_GROUP, group);
	tree_text(tree, path, 0600, "%s", "");
	snprintf(entry.name, sizeof(entry.name), "%u", group);
	snprintf(entry.dir, sizeof(entry.dir), LAYOUT_SYS_VIRTUAL "/vfio/%u", group);
	snprintf(entry.node, sizeof(entry.node), DEV_BELOW(DEV_GROUP), group);
	shadow_add_class(tree, &entry);
}

void shadow_add_identity(struct tree *tree, const struct machine *machine, size_t index)
{
	char path[PATH_MAX], real[PATH_MAX];
	size_t len;
	const void *identity = machine_device_identity(machine, index, &len);

	if (!identity)
		return;
	snprintf(path, sizeof(path), "/" LAYOUT_IDENTITIES "/%s",
		 vfio_device_name(machine_device(machine, index)));
	/* A device that was there before may have left one. */
	tree_real_path(tree, path, real);
	unlink(real);
	tree_bytes(tree, path, 0444, identity, len);
}

void shadow_add_device(struct tree *tree, const struct machine *machine, size_t index)
{
	char path[PATH_MAX];

	if (machine_iommufd(machine)) {
		snprintf(path, sizeof(path), DEV_CDEV,
			 vfio_device_index(machine_device(machine, index)));
		tree_text(tree, path, 0600, "%s", "");
	}
	add_group(tree, machine, index);
	shadow_add_pci(tree, machine, index);
}

/* What exists even without a device. */
static void add_common(struct tree *tree, const struct machine *machine)
{
	const bool container = machine_container(machine) != CONTAINER_NONE;

	tree_dir(tree, "/" LAYOUT_CONTROL, 0700);
	tree_dir(tree, "/" LAYOUT_ABSENT, 0700);
	tree_text(tree, "/" LAYOUT_IDS, 0644, "%s", "");
	tree_dir(tree, DEV_VFIO, 0755);
	if (container) {
		tree_text(tree, DEV_CONTAINER, 0666, "%s", "");
		add_misc(tree, "vfio", DEV_BELOW(DEV_CONTAINER), "0666", LAYOUT_CONTAINER_MINOR);
	}
	if (machine_iommufd(machine)) {
		tree_text(tree, DEV_IOMMU, 0660, "%s", "");
		add_misc(tree, "iommu", DEV_BELOW(DEV_IOMMU), "0660", LAYOUT_IOMMU_MINOR);
		tree_dir(tree, DEV_CDEVS, 0755);
		tree_dir(tree, LAYOUT_SYS_VFIO, 0755);
	}
	tree_dir(tree, LAYOUT_SYS_PCI "/devices", 0755);
	tree_dir(tree, LAYOUT_SYS_PCI "/slots", 0755);
	tree_dir(tree, LAYOUT_SYS_GROUPS, 0755);
	tree_dir(tree, LAYOUT_SYS_CLASS_GROUPS, 0755);
	tree_dir(tree, LAYOUT_SYS_CLASS_IOMMU, 0755);
}

/* The attributes of no device. Those of modules that are not there are left out. */
static void add_fixed(struct tree *tree, const struct machine *machine)
{
	const struct sysfs_attribute *attribute;

	for (size_t i = 0; (attribute = sysfs_attribute_at(i)); i++) {
		if (!attribute->fixed || strchr(attribute->name, '*'))
			continue;
		if (strncmp(attribute->name, LAYOUT_SYS_IOMMUFD "/",
			    strlen(LAYOUT_SYS_IOMMUFD "/")) == 0 &&
		    !machine_iommufd(machine))
			continue;
		if (strncmp(attribute->name, LAYOUT_SYS_TYPE1, strlen(LAYOUT_SYS_TYPE1)) == 0 &&
		    machine_container(machine) != CONTAINER_TYPE1)
			continue;
		tree_text(tree, attribute->name, attribute->mode, "%s", attribute->text);
	}
}

/*
 * The settings of the kernel's fault injection, which programs write before they use
 * /proc/self/fail-nth. They have no effect.
 */
static void add_fault_injection(struct tree *tree)
{
	static const char *const kinds[] = {"failslab", "fail_page_alloc"};
	static const char *const settings[] = {
		"ignore-gfp-wait", "ignore-gfp-highmem",
		"task-filter",	   "probability",
		"interval",	   "times",
		"space",	   "verbose",
		"min-order",	   "cache-filter",
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (size_t j = 0; j < sizeof(settings) / sizeof(settings[0]); j++) {
			snprintf(path, sizeof(path), LAYOUT_SYS_DEBUG "/%s/%s", kinds[i],
				 settings[j]);
			tree_text(tree, path, 0600, "0\n");
		}
	}
}

static void add_stand_in(struct tree *tree, int real_dir, const char *path, const char *name)
{
	char entry[PATH_MAX];
	char text[PATH_MAX];
	ssize_t len;

	if (snprintf(entry, sizeof(entry), "%s/%s", path, name) >= (int)sizeof(entry))
		return;
	len = readlinkat(real_dir, name, text, sizeof(text) - 1);
	text[len < 0 ? 0 : len] = '\0';
	tree_link_text(tree, entry, len < 0 ? entry : text);
}

static void merge(struct tree *tree, const char *path);

/* Whether @entry of @dir is a directory itself. */
static bool is_directory(DIR *dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* Merges the directories of the tree in @path. */
static void merge_below(struct tree *tree, const char *path)
{
	char real[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	tree_real_path(tree, path, real);
	dir = opendir(real);
	while (dir && (entry = readdir(dir))) {
		char below[PATH_MAX];

		if (entry->d_name[0] != '.' && is_directory(dir, entry) &&
		    snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) <
			    (int)sizeof(below))
			merge(tree, below);
	}
	if (dir)
		closedir(dir);
}

/*
 * Adds what the real directory @path has, and that of the tree does not. Where there is no such
 * directory, there is none below it either.
 */
static void merge(struct tree *tree, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir && errno == ENOENT)
		return;
	while (dir && (entry = readdir(dir))) {
		char real[PATH_MAX];
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		tree_real_path(tree, path, real);
		if (strlen(real) + strlen(entry->d_name) + 2 > sizeof(real))
			continue;
		strcat(strcat(real, "/"), entry->d_name);
		if (lstat(real, &st) && errno == ENOENT)
			add_stand_in(tree, dirfd(dir), path, entry->d_name);
	}
	if (dir)
		closedir(dir);
	merge_below(tree, path);
}

/* Merges the directories of PCI buses: of /sys/devices only they are emulated as a whole. */
static void merge_buses(struct tree *tree)
{
	char real[PATH_MAX], path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	tree_real_path(tree, "/sys/devices", real);
	dir = opendir(real);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "pci", 3) != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/devices/%s", entry->d_name);
		merge(tree, path);
	}
	if (dir)
		closedir(dir);
}

void shadow_replace_machine(struct tree *tree, const struct machine *machine)
{
	static const char next[] = "/" LAYOUT_MACHINE ".next";
	char from[PATH_MAX], to[PATH_MAX];

	add_machine(tree, machine, next);
	tree_real_path(tree, next, from);
	tree_real_path(tree, "/" LAYOUT_MACHINE, to);
	if (!tree->error && rename(from, to))
		tree_fail(tree, -errno, LAYOUT_MACHINE);
}

void shadow_fill(struct tree *tree, const struct machine *machine)
{
	static const char *const shared[] = {
		DEV_VFIO,
		LAYOUT_SYS_PCI,
		LAYOUT_SYS_VFIO,
		LAYOUT_SYS_GROUPS,
		LAYOUT_SYS_CLASS_GROUPS,
		LAYOUT_SYS_CLASS_IOMMU,
		LAYOUT_SYS_IOMMUFD,
		LAYOUT_SYS_VFIO_CORE,
		LAYOUT_SYS_VFIO_PCI,
		LAYOUT_SYS_PCI_CORE,
		LAYOUT_SYS_TYPE1,
		LAYOUT_SYS_IRQBYPASS,
		LAYOUT_SYS_VIRTUAL "/vfio",
		LAYOUT_SYS_VIRTUAL "/iommu",
	};

	add_machine(tree, machine, "/" LAYOUT_MACHINE);
	add_common(tree, machine);
	add_fixed(tree, machine);
	shadow_add_modules(tree, machine);
	shadow_add_iommus(tree, machine);
	for (size_t i = 0; machine_device(machine, i); i++) {
		shadow_add_identity(tree, machine, i);
		shadow_add_device(tree, machine, i);
	}
	shadow_add_proc(tree, machine);
	if (machine_mock(machine)) {
		add_fault_injection(tree);
		merge(tree, LAYOUT_SYS_DEBUG);
	}
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		merge(tree, shared[i]);
	merge_buses(tree);
}
