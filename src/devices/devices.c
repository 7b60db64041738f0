/* SPDX-License-Identifier: MIT */
/*
 * The table of device models: ours, and those that programs have registered, which are only added.
 * devices_lock guards adding; readers see a model when it is counted.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/lock.h"

#include "devices/devices.h"

static const struct uiommufd_model *const models[] = {
	&device_e1000, &device_edu, &device_ioat, &device_nvme, &device_vfio_user,
};

#define OURS (sizeof(models) / sizeof(models[0]))

enum {
	MAX_ADDED = 64
};

static struct lock devices_lock = LOCK_INIT(LOCK_DRIVERS);
static const struct uiommufd_model *added[MAX_ADDED];
static _Atomic size_t added_count;

int device_model_add(const struct uiommufd_model *model)
{
	size_t count;
	int rc = 0;

	lock_acquire(&devices_lock);
	count = atomic_load(&added_count);
	if (device_model_find(model->name))
		rc = -EEXIST;
	else if (count == MAX_ADDED)
		rc = -ENOSPC;
	else
		added[count] = model;
	if (!rc)
		atomic_store(&added_count, count + 1);
	lock_release(&devices_lock);
	return rc;
}

const struct uiommufd_model *device_model_at(size_t index)
{
	if (index < OURS)
		return models[index];
	index -= OURS;
	return index < atomic_load(&added_count) ? added[index] : NULL;
}

const struct uiommufd_model *device_model_find(const char *name)
{
	const struct uiommufd_model *model;

	for (size_t i = 0; (model = device_model_at(i)); i++)
		if (strcmp(model->name, name) == 0)
			return model;
	return NULL;
}
