/* SPDX-License-Identifier: MIT */
/*
 * The machine is built once, before any program runs. What changes it since then is that of the
 * preload (preload/engine/), for which there is one machine, too.
 */
#include "server/files.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/observe.h"
#include "devices/plugin.h"
#include "machine/machine.h"
#include "machine/machine_files.h"
#include "mock/mock.h"
#include "preload/engine/attribute_file.h"
#include "preload/engine/engine.h"
#include "preload/engine/entries.h"
#include "preload/engine/peers.h"
#include "preload/engine/raw_file.h"
#include "preload/start/layout.h"
#include "server/mapped.h"
#include "server/opened.h"
#include "server/tracer.h"
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
	vfio_bars_set_mappable(TRACER_CAN_TRAP);
	observe(OBSERVER_COUNTS);
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

struct machine *engine_machine(void)
{
	return machine;
}

/* Of a machine that programs share there is no other. */
void peers_ask(bool (*take)(void *arg, const char *answer), void *arg, const char *format, ...)
{
	(void)take;
	(void)arg;
	(void)format;
}

void peers_settle(void)
{
	opened_drain();
	mapped_sweep();
}

static int open_group(unsigned int number, struct uiommufd_file **file)
{
	struct vfio_device *device = find_group(number);

	if (!device)
		return -ENODEV;
	raw_recall(device);
	return vfio_group_open(device, file);
}

static int open_cdev(unsigned int number, struct uiommufd_file **file)
{
	struct vfio_device *device = machine_find_cdev(machine, number);

	if (!device)
		return -ENODEV;
	raw_recall(device);
	return vfio_device_open(device, file);
}

int files_open(struct node node, const char *path, struct uiommufd_caller *caller,
	       struct uiommufd_file **file)
{
	switch (node.kind) {
	case NODE_IOMMU:
		return machine_open_iommu(machine, file);
	case NODE_CONTAINER:
		vfio_set_entry_limit(entries_limit);
		return machine_open_container(machine, file);
	case NODE_GROUP:
		return open_group(node.number, file);
	case NODE_CDEV:
		return open_cdev(node.number, file);
	case NODE_CONFIG:
		return config_file_create(path, caller, file);
	case NODE_ROM:
		return rom_file_create(path, file);
	case NODE_RESOURCE:
		return resource_file_create(path, node.number, file);
	case NODE_ATTRIBUTE:
		return attribute_file_open(node.number, path, file);
	case NODE_NONE:
		break;
	}
	return -ENODEV;
}

static int show_attribute(size_t index, const char *path)
{
	const struct sysfs_attribute *attribute = sysfs_attribute_at(index);
	struct vfio_device *device = sysfs_device_of(path);
	char text[SYSFS_TEXT];
	int len, fd;

	if (!attribute || !attribute->live)
		return -ENOENT;
	len = device ? attribute_text(index, device, text) : -ENODEV;
	if (len < 0)
		return len;
	fd = memfd_create(FILES_SHOWN, MFD_CLOEXEC);
	if (fd >= 0 && pwrite(fd, text, (size_t)len, 0) == len)
		return fd;
	if (fd >= 0)
		close(fd);
	return -ENOMEM;
}

int files_show(struct node node, const char *path, struct uiommufd_caller *caller)
{
	switch (node.kind) {
	case NODE_ATTRIBUTE:
		return show_attribute(node.number, path);
	case NODE_CONFIG:
		return config_file_snapshot(path, caller);
	case NODE_ROM:
		return rom_file_snapshot(path);
	default:
		return -ENOENT;
	}
}
