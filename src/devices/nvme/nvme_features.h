/* SPDX-License-Identifier: MIT */
/* Set Features and Get Features. None can be saved. */
#ifndef DEVICES_NVME_NVME_FEATURES_H
#define DEVICES_NVME_NVME_FEATURES_H

#include <stdint.h>

struct nvme;
struct nvme_job;

uint16_t nvme_set_features(struct nvme_job *job);
uint16_t nvme_get_features(struct nvme_job *job);

/* The clock that struct nvme's timestamp_at is of, in milliseconds. */
uint64_t nvme_now_ms(void);

/* All features are as after power-on. */
void nvme_features_reset(struct nvme *n);

#endif
