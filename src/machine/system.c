/* SPDX-License-Identifier: MIT */
/* What the real system has in /sys, which an emulated machine avoids. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sys.h"
#include "machine/machine_internal.h"

static bool exists(const char *sysfs, const char *folder, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", sysfs, folder, name);
	return sys_call(SYS_faccessat, AT_FDCWD, (long)path, F_OK, 0, 0, 0) == 0;
}

bool system_has_device(const struct machine *machine, const char *bdf)
{
	return exists(machine->sysfs, "bus/pci/devices", bdf);
}

bool run_has_device(const struct machine *machine, const char *bdf)
{
	return machine->run_sysfs && exists(machine->run_sysfs, "bus/pci/devices", bdf);
}

bool system_has_index(const struct machine *machine, unsigned int index)
{
	char name[32];

	snprintf(name, sizeof(name), "vfio%u", index);
	return exists(machine->sysfs, "class/vfio-dev", name);
}

static bool has_group(const char *sysfs, unsigned int group)
{
	char name[32];

	snprintf(name, sizeof(name), "%u", group);
	return exists(sysfs, "kernel/iommu_groups", name);
}

bool system_has_group(const struct machine *machine, unsigned int group)
{
	return has_group(machine->sysfs, group);
}

bool run_has_group(const struct machine *machine, unsigned int group)
{
	return machine->run_sysfs && has_group(machine->run_sysfs, group);
}

/* @least, or one more than the highest number among the names in @bytes of @entries. */
static unsigned int past_numbers(const char *entries, long bytes, unsigned int least)
{
	const struct dirent *entry;
	unsigned int number;

	for (long at = 0; at < bytes; at += entry->d_reclen) {
		entry = (const struct dirent *)(entries + at);
		if (machine_number_parse(entry->d_name, 1u << 30, &number) && number >= least)
			least = number + 1;
	}
	return least;
}

unsigned int system_free_group(const struct machine *machine)
{
	_Alignas(struct dirent) char entries[4096];
	unsigned int free = 0;
	char path[256];
	long bytes;
	int dir;

	snprintf(path, sizeof(path), "%s/kernel/iommu_groups", machine->sysfs);
	dir = sys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return 0;
	while ((bytes = sys_call(SYS_getdents64, dir, (long)entries, sizeof(entries), 0, 0, 0)) > 0)
		free = past_numbers(entries, bytes, free);
	(void)sys_close(dir);
	return free;
}
