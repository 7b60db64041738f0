/* SPDX-License-Identifier: MIT */
/*
 * The memory of a command: PRPs and SGLs, followed as the data is moved, so that no list is kept.
 * Parts that are adjacent on the bus are moved at once. Results are status codes.
 */
#ifndef DEVICES_NVME_NVME_DATA_H
#define DEVICES_NVME_NVME_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/nvme/nvme_regs.h"

struct uiommufd_device;

enum {
	NVME_LIST_ENTRIES = 64, /* of a list, read at once */
};

struct nvme_data {
	struct uiommufd_device *dev;
	uint64_t left; /* bytes that are not moved yet */

	/* What comes next: a part of memory, or of a bit bucket. */
	uint64_t at, len;
	bool bucket;
	bool sgl;
	bool begun; /* PRP 1 has been used */

	/* A list: where the entries that have not been read are. */
	uint64_t list;
	uint64_t list_len; /* SGL: bytes of the segment from there */
	bool last;	   /* SGL: no segment follows */
	unsigned int steps;
	unsigned int next, count;
	unsigned int entries; /* of the PRP list, that have been read */
	uint64_t page, prp1, prp2;
	union {
		uint64_t prps[NVME_LIST_ENTRIES];
		struct nvme_sgl sgls[NVME_LIST_ENTRIES / 2];
	};
};

/* DMA, or an access to the controller memory buffer. 0 or -EFAULT. */
int nvme_dma_read(struct uiommufd_device *dev, uint64_t at, void *buf, size_t len);
int nvme_dma_write(struct uiommufd_device *dev, uint64_t at, const void *buf, size_t len);

/* For @len bytes of @command. */
uint16_t nvme_data_begin(struct nvme_data *data, struct uiommufd_device *dev,
			 const struct nvme_command *command, uint64_t len);

/* Moves the next @len bytes to or from the host. */
uint16_t nvme_data_to_host(struct nvme_data *data, const void *buf, uint64_t len);
uint16_t nvme_data_from_host(struct nvme_data *data, void *buf, uint64_t len);

/* All of a short structure. */
uint16_t nvme_data_give(struct uiommufd_device *dev, const struct nvme_command *command,
			const void *buf, uint64_t len);
uint16_t nvme_data_take(struct uiommufd_device *dev, const struct nvme_command *command, void *buf,
			uint64_t len);

#endif
