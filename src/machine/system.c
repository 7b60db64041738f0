/* SPDX-License-Identifier: MIT */
/* What the real system has in /sys, which an emulated machine avoids. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "machine/machine_internal.h"

static bool exists(const struct machine *machine, const char *folder, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", machine->sysfs, folder, name);
	return access(path, F_OK) == 0;
}

bool system_has_device(const struct machine *machine, const char *bdf)
{
	return exists(machine, "bus/pci/devices", bdf);
}

bool system_has_index(const struct machine *machine, unsigned int index)
{
	char name[32];

	snprintf(name, sizeof(name), "vfio%u", index);
	return exists(machine, "class/vfio-dev", name);
}

bool system_has_group(const struct machine *machine, unsigned int group)
{
	char name[32];

	snprintf(name, sizeof(name), "%u", group);
	return exists(machine, "kernel/iommu_groups", name);
}

unsigned int system_free_group(const struct machine *machine)
{
	unsigned int free = 0, number;
	struct dirent *entry;
	char path[256];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/kernel/iommu_groups", machine->sysfs);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		if (machine_number_parse(entry->d_name, 1u << 30, &number) && number >= free)
			free = number + 1;
	closedir(dir);
	return free;
}
