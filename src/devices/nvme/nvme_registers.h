/* SPDX-License-Identifier: MIT */
/* BAR 0: the registers of the controller, its doorbells, and its memory buffer. */
#ifndef DEVICES_NVME_NVME_REGISTERS_H
#define DEVICES_NVME_NVME_REGISTERS_H

#include <stdint.h>

struct uiommufd_device;

/* As in struct uiommufd_model. */
uint64_t nvme_bar_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
		       unsigned int size);
void nvme_bar_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off, unsigned int size,
		    uint64_t value);

#endif
