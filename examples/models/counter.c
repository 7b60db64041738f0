/* SPDX-License-Identifier: MIT */
/*
 * A PCI device with one register, which counts the reads of it. Writing it sets it. The smallest
 * model there is: README.md beside it says how to build and use it.
 */
#include <uiommufd/device.h>

struct counter {
	uint32_t reads;
};

static void counter_reset(struct uiommufd_device *dev)
{
	struct counter *counter = uiommufd_device_state(dev);

	counter->reads = 0;
}

static uint64_t counter_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			     unsigned int size)
{
	struct counter *counter = uiommufd_device_state(dev);

	(void)bar, (void)size;
	return off == 0 ? counter->reads++ : UINT64_MAX;
}

static void counter_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			  unsigned int size, uint64_t value)
{
	struct counter *counter = uiommufd_device_state(dev);

	(void)bar, (void)size;
	if (off == 0)
		counter->reads = (uint32_t)value;
}

static const struct uiommufd_model counter = {
	.name = "counter",
	.summary = "one register that counts the reads of it",
	.vendor = 0x1234,
	.device = 0xc0de,
	.class_code = 0xff0000,
	.bars = {{.size = 4096, .flags = UIOMMUFD_BAR_MMAP, .min_access = 4, .max_access = 4}},
	.state_size = sizeof(struct counter),
	.reset = counter_reset,
	.read = counter_read,
	.write = counter_write,
};

UIOMMUFD_MODEL(counter);
