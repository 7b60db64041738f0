/* SPDX-License-Identifier: MIT */
/* What of the controller is migrated: all that reset sets, and the disk if it is memory. */
#ifndef DEVICES_NVME_NVME_MIGRATION_H
#define DEVICES_NVME_NVME_MIGRATION_H

#include <uiommufd/device.h>

enum {
	NVME_SAVED_VERSION = 1
};

/* As save and load in struct uiommufd_model. */
int nvme_save(struct uiommufd_device *dev, struct uiommufd_saver *saver);
int nvme_load(struct uiommufd_device *dev, uint32_t version, const void *state, size_t len);

#endif
