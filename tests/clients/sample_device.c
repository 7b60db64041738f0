/* SPDX-License-Identifier: MIT */
/*
 * The device that libvfio-user's sample client expects of its server, as far as it is described by
 * what the client does: BAR 0 is a time at which the device interrupts, and reads as the seconds
 * since then; BAR 1 has a page of memory at its begin and one at 8 KiB.
 */
#include <time.h>

#include <uiommufd/device.h>

enum {
	PAGE = 4096,
};

struct sample {
	int64_t due;
};

static void interrupt(struct uiommufd_device *dev)
{
	uiommufd_device_lock(dev);
	uiommufd_device_set_intx(dev, true);
	uiommufd_device_set_intx(dev, false);
	uiommufd_device_unlock(dev);
}

static uint64_t sample_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			    unsigned int size)
{
	const struct sample *sample = uiommufd_device_state(dev);

	(void)size;
	return bar == 0 && off == 0 ? (uint64_t)(time(NULL) - sample->due) : 0;
}

static void sample_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			 unsigned int size, uint64_t value)
{
	struct sample *sample = uiommufd_device_state(dev);
	int64_t left;

	(void)size;
	if (bar != 0 || off != 0)
		return;
	sample->due = (int64_t)value;
	left = sample->due - time(NULL);
	uiommufd_device_queue_work_after(dev, 0, interrupt,
					 left > 0 ? (uint64_t)left * 1000000000 : 0);
}

static const struct uiommufd_bar_part parts[] = {
	{.kind = UIOMMUFD_PART_MEMORY, .bar = 1, .off = 0, .size = PAGE},
	{.kind = UIOMMUFD_PART_MEMORY, .bar = 1, .off = 2 * PAGE, .size = PAGE},
	{.size = 0},
};

static const struct uiommufd_model sample = {
	.name = "sample",
	.summary = "the device of libvfio-user's sample server",
	.vendor = 0xdead,
	.device = 0xbeef,
	.subsystem_vendor = 0xcafe,
	.subsystem = 0xbabe,
	.class_code = 0xff0000,
	.bars = {{.size = 16, .min_access = 8}, {.size = 4 * PAGE, .flags = UIOMMUFD_BAR_MMAP}},
	.intx = true,
	.bar_parts = parts,
	.state_size = sizeof(struct sample),
	.read = sample_read,
	.write = sample_write,
};

UIOMMUFD_MODEL(sample);
