/* SPDX-License-Identifier: MIT */
/*
 * VFIO_DEVICE_FEATURE [VFIO-FEATURE]: a table of the features and their handlers. Features that no
 * device here has are not in it.
 *
 * bind_lock guards what the features set.
 */
#include <errno.h>
#include <stddef.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "iommu/dma_log.h"
#include "iommufd/device/user_bitmap.h"
#include "vfio/backend.h"
#include "vfio/eventfd.h"
#include "vfio/vfio_internal.h"

enum {
	MAX_LOG_RANGES = 256
};

struct feature {
	uint32_t op;   /* VFIO_DEVICE_FEATURE_GET or _SET: each feature has one of them */
	uint32_t size; /* of its data */
	/* @data: address of the caller's data. NULL: there is no such feature. */
	long (*run)(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data);
};

/*
 * ---- low power: each call wakes the device while it lasts, so only the state is kept. A mapped
 * BAR does not answer (bar.c) ----
 */

/* Takes @wakeup (-1: none) on success. */
static int enter_low_power(struct vfio_device *device, int wakeup)
{
	int rc = -EINVAL;

	lock_acquire(&device->bind_lock);
	if (!device->low_power) {
		device->low_power = true;
		lock_acquire(&device->lock);
		bar_parts_rest(device, true);
		lock_release(&device->lock);
		device->wakeup_fd = wakeup;
		rc = 0;
	}
	lock_release(&device->bind_lock);
	return rc;
}

static void leave_low_power(struct vfio_device *device) REQUIRES(device->bind_lock)
{
	lock_assert_held(&device->bind_lock);
	eventfd_drop(device->wakeup_fd);
	device->wakeup_fd = -1;
	device->low_power = false;
}

static long low_power_entry(struct vfio_device *device, struct uiommufd_caller *caller,
			    uint64_t data)
{
	(void)caller, (void)data;
	return enter_low_power(device, -1);
}

/* No device here wakes by itself, so the eventfd is kept and never signalled. */
static long low_power_entry_with_wakeup(struct vfio_device *device, struct uiommufd_caller *caller,
					uint64_t data)
{
	struct vfio_device_low_power_entry_with_wakeup entry;
	int fd, rc;

	if (caller_read(caller, &entry, data, sizeof(entry)))
		return -EFAULT;
	if (entry.wakeup_eventfd < 0)
		return -EINVAL;
	rc = eventfd_take(caller, entry.wakeup_eventfd, &fd);
	if (rc)
		return rc;
	rc = enter_low_power(device, fd);
	if (rc)
		eventfd_drop(fd);
	return rc;
}

static long low_power_exit(struct vfio_device *device, struct uiommufd_caller *caller,
			   uint64_t data)
{
	(void)caller, (void)data;
	lock_acquire(&device->bind_lock);
	leave_low_power(device);
	lock_release(&device->bind_lock);
	return 0;
}

/* ---- DMA logging ---- */

/* Reads range @index of the caller's list into @ranges, which holds the ranges before it. */
static int get_range(struct uiommufd_caller *caller,
		     const struct vfio_device_feature_dma_logging_control *control, uint32_t index,
		     struct iova_range *ranges)
{
	struct vfio_device_feature_dma_logging_range range;

	if (caller_read(caller, &range, control->ranges + index * sizeof(range), sizeof(range)))
		return -EFAULT;
	if (!range.length || !is_power_of_two(control->page_size) ||
	    !is_aligned(range.iova | range.length, control->page_size))
		return -EINVAL;
	ranges[index].start = range.iova;
	if (check_last(range.iova, range.length, &ranges[index].last))
		return -EOVERFLOW;
	for (uint32_t i = 0; i < index; i++) {
		if (iova_range_intersects(ranges[i], ranges[index]))
			return -EINVAL;
	}
	return 0;
}

static long start_logging(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data)
{
	struct vfio_device_feature_dma_logging_control control;
	struct iova_range ranges[MAX_LOG_RANGES];
	int rc;

	if (caller_read(caller, &control, data, sizeof(control)))
		return -EFAULT;
	if (!control.num_ranges)
		return -EINVAL;
	if (control.num_ranges > MAX_LOG_RANGES)
		return -E2BIG;
	for (uint32_t i = 0; i < control.num_ranges; i++) {
		rc = get_range(caller, &control, i, ranges);
		if (rc)
			return rc;
	}
	lock_acquire(&device->bind_lock);
	rc = iommu_dma_log_start(device->endpoint, control.page_size, ranges, control.num_ranges);
	lock_release(&device->bind_lock);
	return rc;
}

static long stop_logging(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data)
{
	(void)caller, (void)data;
	lock_acquire(&device->bind_lock);
	iommu_dma_log_stop(device->endpoint);
	lock_release(&device->bind_lock);
	return 0;
}

static long report_logging(struct vfio_device *device, struct uiommufd_caller *caller,
			   uint64_t data)
{
	struct vfio_device_feature_dma_logging_report report;
	struct user_bitmap bitmap;
	struct iova_range range;
	int rc;

	if (caller_read(caller, &report, data, sizeof(report)))
		return -EFAULT;
	if (report.page_size < PAGE_SIZE || !is_power_of_two(report.page_size) || !report.length)
		return -EINVAL;
	range.start = report.iova;
	if (check_last(report.iova, report.length, &range.last))
		return -EOVERFLOW;
	user_bitmap_init(&bitmap, caller, report.bitmap, report.iova, log2_floor(report.page_size));
	lock_acquire(&device->bind_lock);
	rc = iommu_dma_log_report(device->endpoint, range, user_bitmap_report, &bitmap);
	if (!rc && device->backend)
		device->backend->written(&device->dev, range, user_bitmap_report, &bitmap);
	user_bitmap_flush(&bitmap);
	lock_release(&device->bind_lock);
	return rc;
}

void vfio_feature_disable(struct vfio_device *device)
{
	lock_assert_held(&device->bind_lock);
	iommu_dma_log_stop(device->endpoint);
	leave_low_power(device);
}

/* ---- the table ---- */

static const struct feature features[] = {
	[VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY] = {VFIO_DEVICE_FEATURE_SET, 0, low_power_entry},
	[VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP] =
		{VFIO_DEVICE_FEATURE_SET, sizeof(struct vfio_device_low_power_entry_with_wakeup),
		 low_power_entry_with_wakeup},
	[VFIO_DEVICE_FEATURE_LOW_POWER_EXIT] = {VFIO_DEVICE_FEATURE_SET, 0, low_power_exit},
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_START] =
		{VFIO_DEVICE_FEATURE_SET, sizeof(struct vfio_device_feature_dma_logging_control),
		 start_logging},
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP] = {VFIO_DEVICE_FEATURE_SET, 0, stop_logging},
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT] =
		{VFIO_DEVICE_FEATURE_GET, sizeof(struct vfio_device_feature_dma_logging_report),
		 report_logging},
};

static const struct feature *find_feature(uint32_t number)
{
	if (number >= sizeof(features) / sizeof(features[0]) || !features[number].run)
		return NULL;
	return &features[number];
}

long vfio_feature(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg)
{
	const uint32_t both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
	const uint32_t ops = both | VFIO_DEVICE_FEATURE_PROBE;
	struct vfio_device_feature head;
	const struct feature *feature;
	uint32_t number;

	if (caller_read(caller, &head, arg, sizeof(head)))
		return -EFAULT;
	if (head.argsz < sizeof(head) || head.flags & ~(VFIO_DEVICE_FEATURE_MASK | ops))
		return -EINVAL;
	if ((head.flags & both) == both && !(head.flags & VFIO_DEVICE_FEATURE_PROBE))
		return -EINVAL;
	number = head.flags & VFIO_DEVICE_FEATURE_MASK;
	feature = find_feature(number);
	/* The absence of this one has an errno of its own [VFIO-FEATURE]. */
	if (!feature)
		return number == VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 ? -EINVAL : -ENOTTY;
	if (head.flags & both & ~feature->op)
		return -EINVAL;
	if (head.flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (!(head.flags & both) || head.argsz - sizeof(head) < feature->size)
		return -EINVAL;
	return feature->run(device, caller, arg + sizeof(head));
}
