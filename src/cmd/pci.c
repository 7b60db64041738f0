/* SPDX-License-Identifier: MIT */
/* The directory of a PCI device that is bound to vfio-pci, and the links to it, as in sysfs. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/dev_names.h"
#include "cmd/shadow.h"
#include "preload/start/layout.h"
#include "sysfs/attribute.h"

enum {
	CONFIG_MAX = 4096,
	BARS = 6,
	ROM = 6, /* behind the BARs */
};

/* The device whose files are being written. */
struct pci_files {
	struct tree *tree;
	struct vfio_device *device;
	char dir[128];
};

/* The path of @name in the device's directory. */
static void path_of(const struct pci_files *pci, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", pci->dir, name);
}

static void add_link(const struct pci_files *pci, const char *name, const char *target)
{
	char path[PATH_MAX];

	path_of(pci, name, path);
	tree_link(pci->tree, path, target);
}

static void add_attributes(const struct pci_files *pci)
{
	const struct sysfs_attribute *attribute;
	char text[SYSFS_TEXT];
	char path[PATH_MAX];

	for (size_t i = 0; (attribute = sysfs_attribute_at(i)); i++) {
		if (!sysfs_has(attribute, pci->device))
			continue;
		(void)sysfs_show(attribute, pci->device, text);
		path_of(pci, attribute->name, path);
		tree_text(pci->tree, path, attribute->mode, "%s", text);
	}
}

/* Files of bytes: registers, BARs, vital product data. */
static void add_bytes(const struct pci_files *pci)
{
	const struct uiommufd_model *model = vfio_device_model(pci->device);
	uint8_t config[CONFIG_MAX];
	uint64_t start, end, flags;
	char path[PATH_MAX];
	char name[16];
	size_t size;

	size = vfio_device_config_read(pci->device, 0, config, sizeof(config));
	path_of(pci, "config", path);
	tree_bytes(pci->tree, path, 0644, config, size);
	if (model->vpd) {
		path_of(pci, "vpd", path);
		tree_bytes(pci->tree, path, 0600, model->vpd, model->vpd_size);
	}
	for (unsigned int i = 0; i < BARS; i++) {
		vfio_device_resource(pci->device, i, &start, &end, &flags);
		if (!flags)
			continue;
		snprintf(name, sizeof(name), "resource%u", i);
		path_of(pci, name, path);
		tree_sized(pci->tree, path, 0600, end - start + 1);
	}
	vfio_device_resource(pci->device, ROM, &start, &end, &flags);
	if (flags) {
		path_of(pci, "rom", path);
		tree_sized(pci->tree, path, 0600, end - start + 1);
	}
}

/* The vfio device on top of the PCI device. */
static void add_vfio(const struct pci_files *pci)
{
	const unsigned int index = vfio_device_index(pci->device);
	struct shadow_class entry = {
		.class = LAYOUT_SYS_VFIO,
		.parent = pci->dir,
		.major = LAYOUT_CDEV_MAJOR,
		.minor = index,
	};

	snprintf(entry.name, sizeof(entry.name), "vfio%u", index);
	snprintf(entry.dir, sizeof(entry.dir), "%s/vfio-dev/vfio%u", pci->dir, index);
	snprintf(entry.node, sizeof(entry.node), DEV_BELOW(DEV_CDEV), index);
	shadow_add_class(pci->tree, &entry);
}

static void add_links(const struct pci_files *pci, const struct machine *machine, size_t index)
{
	const unsigned int group = machine_device_group(machine, index);
	const char *name = vfio_device_name(pci->device);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u", group);
	add_link(pci, "iommu_group", path);
	add_link(pci, "driver", LAYOUT_SYS_PCI "/drivers/vfio-pci");
	add_link(pci, "subsystem", LAYOUT_SYS_PCI);
	path_of(pci, "link", path);
	tree_dir(pci->tree, path, 0755);

	snprintf(path, sizeof(path), LAYOUT_SYS_GROUPS "/%u/devices/%s", group, name);
	tree_link(pci->tree, path, pci->dir);
	snprintf(path, sizeof(path), LAYOUT_SYS_PCI "/devices/%s", name);
	tree_link(pci->tree, path, pci->dir);
	snprintf(path, sizeof(path), LAYOUT_SYS_PCI "/drivers/vfio-pci/%s", name);
	tree_link(pci->tree, path, pci->dir);
	shadow_link_iommu(pci->tree, machine, index, pci->dir);
}

void shadow_add_pci(struct tree *tree, const struct machine *machine, size_t index)
{
	struct pci_files pci = {.tree = tree, .device = machine_device(machine, index)};
	const struct pci_bdf bdf = vfio_device_bdf(pci.device);

	snprintf(pci.dir, sizeof(pci.dir), LAYOUT_SYS_PCI_BUSES "%04x:%02x/%s", bdf.domain, bdf.bus,
		 vfio_device_name(pci.device));
	add_attributes(&pci);
	add_bytes(&pci);
	if (machine_iommufd(machine))
		add_vfio(&pci);
	add_links(&pci, machine, index);
}
