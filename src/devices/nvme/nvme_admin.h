/* SPDX-License-Identifier: MIT */
/* Admin commands, and events, which complete some of them. All on ADMIN_THREAD. */
#ifndef DEVICES_NVME_NVME_ADMIN_H
#define DEVICES_NVME_NVME_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/nvme/nvme_regs.h"

struct uiommufd_device;
struct nvme_job;

/* Executes job->command. Returns a status, NVME_NO_COMPLETION, NVME_LATER or NVME_WAIT. */
uint16_t nvme_admin_execute(struct nvme_job *job);

/* The admin commands that are supported; the IO commands. */
bool nvme_admin_has(unsigned int opcode);
bool nvme_io_has(unsigned int opcode);

/* Whether an Asynchronous Event Request with @cid is outstanding. */
bool nvme_async_has_cid(struct uiommufd_device *dev, uint16_t cid);

/* Completes Asynchronous Event Requests for which there are events, or that have been aborted. */
void nvme_async_deliver(struct uiommufd_device *dev);

#endif
