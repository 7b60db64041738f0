/* SPDX-License-Identifier: MIT */
/*
 * IO commands. Each runs to its end on its thread, without a lock; memory of the disk is moved to
 * and from the host directly, a file in pieces. Of a write whose data cannot be read from the host,
 * what could be read may be on the disk.
 */
#ifndef DEVICES_NVME_NVME_IO_H
#define DEVICES_NVME_NVME_IO_H

#include <stdint.h>

struct nvme_job;

enum {
	NVME_COPY_RANGES = 128,	       /* of one Copy command */
	NVME_COPY_RANGE_BLOCKS = 4096, /* of one of them */
	NVME_COPY_BLOCKS = 1 << 15,    /* of all of them */
};

/* Executes job->command. Returns a status, or NVME_LATER. */
uint16_t nvme_io_execute(struct nvme_job *job);

#endif
