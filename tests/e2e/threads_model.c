/* SPDX-License-Identifier: MIT */
/*
 * A device whose threads start each other, for device_threads.c. A write to register 0 queues work
 * on thread 0, that does on thread 1, and that on thread 2, later. Register 0 counts how often
 * thread 2 has run.
 */
#include <stdatomic.h>

#include <uiommufd/device.h>

static void finish(struct uiommufd_device *dev)
{
	atomic_uint *runs = uiommufd_device_state(dev);

	atomic_fetch_add(runs, 1);
}

static void go_on(struct uiommufd_device *dev)
{
	uiommufd_device_queue_work_after(dev, 2, finish, 1);
}

static void begin(struct uiommufd_device *dev)
{
	uiommufd_device_queue_work_on(dev, 1, go_on);
}

static uint64_t model_read(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	(void)bar, (void)off, (void)size;
	return atomic_load((atomic_uint *)uiommufd_device_state(dev));
}

static void model_write(struct uiommufd_device *dev, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t value)
{
	(void)bar, (void)off, (void)size, (void)value;
	uiommufd_device_queue_work(dev, begin);
}

static void model_reset(struct uiommufd_device *dev)
{
	atomic_store((atomic_uint *)uiommufd_device_state(dev), 0);
}

static const struct uiommufd_model threads_model = {
	.name = "threads",
	.summary = "threads that start each other",
	.vendor = 0x1234,
	.device = 0x7472,
	.bars = {{.size = 4096, .flags = UIOMMUFD_BAR_MMAP, .min_access = 4, .max_access = 4}},
	.work_threads = 3,
	.state_size = sizeof(atomic_uint),
	.reset = model_reset,
	.read = model_read,
	.write = model_write,
};

UIOMMUFD_MODEL(threads_model);
