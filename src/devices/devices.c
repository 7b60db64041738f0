/* SPDX-License-Identifier: MIT */
/* The table of device models. */
#include <string.h>

#include "devices/devices.h"

static const struct uiommufd_model *const models[] = {
	&device_e1000,
	&device_edu,
	&device_ioat,
	&device_nvme,
	&device_vfio_user,
};

const struct uiommufd_model *device_model_at(size_t index)
{
	return index < sizeof(models) / sizeof(models[0]) ? models[index] : NULL;
}

const struct uiommufd_model *device_model_find(const char *name)
{
	const struct uiommufd_model *model;

	for (size_t i = 0; (model = device_model_at(i)); i++)
		if (strcmp(model->name, name) == 0)
			return model;
	return NULL;
}
