/* SPDX-License-Identifier: MIT */
/* Log pages, the error log, and the events that point to them. */
#ifndef DEVICES_NVME_NVME_LOG_H
#define DEVICES_NVME_NVME_LOG_H

#include <stdint.h>

#include "devices/nvme/nvme_regs.h"

struct uiommufd_device;
struct nvme_job;

uint16_t nvme_get_log_page(struct nvme_job *job);

/* The block size of namespace number @index, from 0, has changed. Context: no device lock. */
void nvme_namespace_changed(struct uiommufd_device *dev, unsigned int index);

/*
 * The functions below need the device lock.
 */

/* Something has happened that the log page @log tells about. */
void nvme_event(struct uiommufd_device *dev, enum nvme_event_type type, uint8_t info,
		enum nvme_log log);

/* A command has ended with @status. */
void nvme_log_error(struct uiommufd_device *dev, const struct nvme_job *job, uint16_t status);

/* A threshold, or which warnings are events, has changed. */
void nvme_check_temperature(struct uiommufd_device *dev);

#endif
