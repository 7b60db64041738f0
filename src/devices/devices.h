/* SPDX-License-Identifier: MIT */
/* The models that come with uiommufd. */
#ifndef DEVICES_DEVICES_H
#define DEVICES_DEVICES_H

#include <stddef.h>

#include <uiommufd/device.h>

extern const struct uiommufd_model device_e1000;
extern const struct uiommufd_model device_edu;
extern const struct uiommufd_model device_ioat;
extern const struct uiommufd_model device_nvme;
extern const struct uiommufd_model device_vfio_user; /* what models of servers are made from */

/*
 * Adds @model, which stays until the process ends. 0; -EEXIST: there is one of this name; -ENOSPC.
 * Context: any thread.
 */
int device_model_add(const struct uiommufd_model *model);

/* The model called @name, or NULL. */
const struct uiommufd_model *device_model_find(const char *name);

/* Model @index, 0, 1, ...; NULL past the end. */
const struct uiommufd_model *device_model_at(size_t index);

#endif
