/* SPDX-License-Identifier: MIT */
/*
 * A device that trusts memory twice, for double_fetch.c. BAR 0: 0 is the IOVA of 32 bytes; writing
 * 4 begins: they are read, the status at 8 becomes 1, and they are read until they have changed,
 * when it becomes 2. With 2 in the command, the device writes the word behind them before each
 * read.
 */
#include <sched.h>
#include <string.h>

#include <uiommufd/device.h>

enum {
	LEN = 32,
	READS = 1 << 20, /* before it gives up */
};

struct reader {
	uint32_t iova, command, status;
};

static void set_status(struct uiommufd_device *dev, uint32_t status)
{
	struct reader *reader = uiommufd_device_state(dev);

	uiommufd_device_lock(dev);
	reader->status = status;
	uiommufd_device_unlock(dev);
}

static void work(struct uiommufd_device *dev)
{
	const struct reader *reader = uiommufd_device_state(dev);
	const uint32_t done = 1;
	uint8_t first[LEN], again[LEN];

	(void)uiommufd_device_dma_read(dev, reader->iova, first, sizeof(first));
	set_status(dev, 1);
	for (unsigned int i = 0; i < READS; i++) {
		if (reader->command == 2)
			(void)uiommufd_device_dma_write(dev, reader->iova + LEN, &done,
							sizeof(done));
		(void)uiommufd_device_dma_read(dev, reader->iova, again, sizeof(again));
		if (memcmp(first, again, sizeof(first)) != 0)
			break;
		sched_yield();
	}
	set_status(dev, 2);
}

static uint64_t model_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	const struct reader *reader = uiommufd_device_state(dev);

	(void)bar, (void)size;
	return off == 8 ? reader->status : 0;
}

static void model_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t value)
{
	struct reader *reader = uiommufd_device_state(dev);

	(void)bar, (void)size;
	if (off == 0)
		reader->iova = (uint32_t)value;
	if (off != 4)
		return;
	reader->command = (uint32_t)value;
	reader->status = 0;
	uiommufd_device_queue_work(dev, work);
}

static const struct uiommufd_model reader = {
	.name = "reader",
	.summary = "reads the same bytes twice",
	.vendor = 0x1234,
	.device = 0xd00c,
	.bars = {{.size = 4096, .flags = UIOMMUFD_BAR_MMAP, .min_access = 4, .max_access = 4}},
	.state_size = sizeof(struct reader),
	.read = model_read,
	.write = model_write,
};

UIOMMUFD_MODEL(reader);
