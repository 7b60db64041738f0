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

#include "iommu/iommu.h"
#include "preload/start/layout.h"

static void add_machine(struct tree *tree, const struct machine *machine)
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
		tree_fail(tree, rc, LAYOUT_MACHINE);
	else
		tree_bytes(tree, "/" LAYOUT_MACHINE, 0444, text, len);
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

static void add_group(struct tree *tree, const struct machine *machine, size_t index)
{
	const unsigned int group = machine_device_group(machine, index);
	char regions[1024];
	char path[PATH_MAX];

	/* Devices that share a group share its files. */
	for (size_t i = 0; i < index; i++) {
		if (machine_device_group(machine, i) == group)
			return;
	}
	format_reserved(machine_device_iommu(machine, index), regions, sizeof(regions));
	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u/reserved_regions", group);
	tree_text(tree, path, 0444, "%s", regions);
	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u/type", group);
	tree_text(tree, path, 0644, "DMA\n");
	snprintf(path, sizeof(path), LAYOUT_DEV_VFIO "/%u", group);
	tree_text(tree, path, 0660, "%s", "");
}

static void add_device(struct tree *tree, const struct machine *machine, size_t index)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), LAYOUT_DEV_VFIO "/devices/vfio%u",
		 vfio_device_index(machine_device(machine, index)));
	tree_text(tree, path, 0660, "%s", "");
	add_group(tree, machine, index);
	shadow_add_pci(tree, machine, index);
}

/* The modules: programs look for them before they use VFIO. */
static void add_modules(struct tree *tree)
{
	static const char *const modules[] = {LAYOUT_SYS_IOMMUFD, LAYOUT_SYS_VFIO_CORE,
					      LAYOUT_SYS_VFIO_PCI};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		snprintf(path, sizeof(path), "%s/initstate", modules[i]);
		tree_text(tree, path, 0444, "live\n");
	}
	tree_link(tree, LAYOUT_SYS_VFIO_PCI "/drivers/pci:vfio-pci",
		  LAYOUT_SYS_PCI "/drivers/vfio-pci");
	tree_link(tree, LAYOUT_SYS_PCI "/drivers/vfio-pci/module", LAYOUT_SYS_VFIO_PCI);
}

/* What exists even without a device. */
static void add_common(struct tree *tree)
{
	static const char *const writable[] = {
		LAYOUT_SYS_PCI "/drivers_probe",
		LAYOUT_SYS_PCI "/drivers/vfio-pci/bind",
		LAYOUT_SYS_PCI "/drivers/vfio-pci/unbind",
		LAYOUT_SYS_PCI "/drivers/vfio-pci/new_id",
		LAYOUT_SYS_PCI "/drivers/vfio-pci/remove_id",
	};

	tree_dir(tree, "/" LAYOUT_CONTROL, 0700);
	tree_text(tree, LAYOUT_DEV_IOMMU, 0660, "%s", "");
	tree_text(tree, LAYOUT_DEV_VFIO "/vfio", 0666, "%s", "");
	tree_dir(tree, LAYOUT_DEV_VFIO "/devices", 0755);
	tree_dir(tree, LAYOUT_SYS_PCI "/devices", 0755);
	tree_dir(tree, LAYOUT_SYS_VFIO, 0755);
	tree_dir(tree, LAYOUT_SYS_GROUPS, 0755);
	for (size_t i = 0; i < sizeof(writable) / sizeof(writable[0]); i++)
		tree_text(tree, writable[i], 0200, "%s", "");
	add_modules(tree);
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
		struct stat st;

		if (entry->d_name[0] == '.' || snprintf(below, sizeof(below), "%s/%s", path,
							entry->d_name) >= (int)sizeof(below))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode))
			merge(tree, below);
	}
	if (dir)
		closedir(dir);
}

/* Adds what the real directory @path has, and that of the tree does not. */
static void merge(struct tree *tree, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

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

void shadow_fill(struct tree *tree, const struct machine *machine)
{
	add_machine(tree, machine);
	add_common(tree);
	for (size_t i = 0; machine_device(machine, i); i++)
		add_device(tree, machine, i);
	if (machine_mock(machine)) {
		add_fault_injection(tree);
		merge(tree, LAYOUT_SYS_DEBUG);
	}
	merge(tree, LAYOUT_DEV_VFIO);
	merge(tree, LAYOUT_SYS_PCI);
	merge(tree, LAYOUT_SYS_VFIO);
	merge(tree, LAYOUT_SYS_GROUPS);
	merge(tree, LAYOUT_SYS_IOMMUFD);
	merge(tree, LAYOUT_SYS_VFIO_CORE);
	merge(tree, LAYOUT_SYS_VFIO_PCI);
	merge_below(tree, "/sys/devices");
}
