/* SPDX-License-Identifier: MIT */
/* Whether a model describes a device that can exist, and where its capabilities may be. */
#ifndef VFIO_PCI_MODEL_H
#define VFIO_PCI_MODEL_H

#include <stddef.h>

#include <uiommufd/device.h>

#include "vfio/pci_config.h"

/* What a model may use of config space; the rest has the capabilities of every model. */
enum {
	CAPS_OF_MODEL = 0xb0,
	EXT_CAP_ERRORS = PCI_CONFIG_SIZE,
	EXT_CAPS_OF_MODEL = 0x130,
};

/*
 * 0, or -EINVAL and in @why (@size bytes; NULL if @size is 0) what is wrong: a callback that is
 * missing, BARs, vectors, tables or capabilities that are impossible or contradict each other.
 */
int pci_model_check(const struct uiommufd_model *model, char *why, size_t size);

#endif
