/* SPDX-License-Identifier: MIT */
/* What a model of a device is and has, for `uiommufd list`. */
#ifndef CMD_LIST_MODEL_H
#define CMD_LIST_MODEL_H

#include <uiommufd/device.h>

#include "report/json.h"

/* Prints a line for each of its options. */
void list_model_options(const struct uiommufd_model *model);

/* Prints all of it. The model has been checked (vfio/pci_model.h). */
void list_model_print(const struct uiommufd_model *model);

/* Writes it as an object, an element of an array or the outermost value. */
void list_model_json(struct json *json, const struct uiommufd_model *model);

#endif
