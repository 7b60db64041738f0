/* SPDX-License-Identifier: MIT */
/* The Identify command: what the controller and its namespaces are. */
#ifndef DEVICES_NVME_NVME_IDENTIFY_H
#define DEVICES_NVME_NVME_IDENTIFY_H

#include <stdint.h>

struct nvme_job;

uint16_t nvme_identify(struct nvme_job *job);

#endif
