/* SPDX-License-Identifier: MIT */
/* The machine is built once, before any program runs, and does not change. */
#include "server/files.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/log.h"
#include "devices/plugin.h"
#include "machine/machine.h"
#include "machine/machine_files.h"
#include "mock/mock.h"
#include "preload/start/layout.h"
#include "sysfs/attribute.h"
#include "vfio/pci_raw.h"
#include "vfio/vfio.h"

static struct machine *machine;

static int read_description(const char *path)
{
	char why[256] = "cannot be read";
	FILE *in = fopen(path, "re");
	int rc = in ? machine_parse(machine, in, why, sizeof(why)) : -errno;

	if (in)
		(void)fclose(in);
	if (rc)
		log_error("%s: %s", path, why);
	return rc;
}

int files_build_machine(const char *root)
{
	static const struct plugin_linker linker = {.open = dlopen, .symbol = dlsym};
	char path[PATH_MAX];
	int rc;

	/* Those that `uiommufd run` has checked the description with. */
	vfio_devices_leave_to_parent();
	rc = machine_create(&machine);
	if (rc)
		return rc;
	machine_set_linker(machine, &linker);
	snprintf(path, sizeof(path), "%s/" LAYOUT_IDENTITIES, root);
	rc = machine_set_identities(machine, path);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/" LAYOUT_MACHINE, root);
	rc = read_description(path);
	return !rc && machine_mock(machine) ? mock_enable() : rc;
}

/* The first device of the group @number, or NULL. */
static struct vfio_device *find_group(unsigned int number)
{
	struct vfio_device *device;

	for (size_t i = 0; (device = machine_device(machine, i)); i++) {
		if (machine_device_group(machine, i) == number)
			return device;
	}
	return NULL;
}

int files_open(struct node node, struct uiommufd_file **file)
{
	struct vfio_device *device;

	switch (node.kind) {
	case NODE_IOMMU:
		return machine_open_iommu(machine, file);
	case NODE_CONTAINER:
		return machine_open_container(machine, file);
	case NODE_GROUP:
		device = find_group(node.number);
		return device ? vfio_group_open(device, file) : -ENODEV;
	case NODE_CDEV:
		device = machine_find_cdev(machine, node.number);
		return device ? vfio_device_open(device, file) : -ENODEV;
	case NODE_CONFIG:
	case NODE_ROM:
	case NODE_RESOURCE:
	case NODE_ATTRIBUTE:
	case NODE_NONE:
		break;
	}
	return -ENODEV;
}

/* The device in whose directory of sysfs @path is, or NULL. */
static struct vfio_device *device_of(const char *path)
{
	char bdf[PATH_BDF];

	return path_bdf(path, bdf) ? machine_find_device(machine, bdf) : NULL;
}

int files_config(const char *path, char *bytes, size_t size)
{
	struct vfio_device *device = device_of(path);

	return device ? (int)vfio_device_config_read(device, 0, bytes, size) : -ENOENT;
}

int files_show(struct node node, const char *path, char *text)
{
	const struct sysfs_attribute *attribute = sysfs_attribute_at(node.number);
	struct vfio_device *device = device_of(path);

	if (!attribute || !attribute->live)
		return -ENOENT;
	return device ? sysfs_show(attribute, device, text) : -ENOENT;
}
