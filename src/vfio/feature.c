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
#include "base/last_error.h"
#include "iommu/dma_log.h"
#include "iommufd/device/user_bitmap.h"
#include "vfio/backend.h"
#include "vfio/eventfd.h"
#include "vfio/vfio_internal.h"

enum {
	MAX_LOG_RANGES = 256
};

struct feature {
	uint32_t op;   /* VFIO_DEVICE_FEATURE_GET, _SET */
	uint32_t size; /* of its data */
	/* @data: address of the caller's data. NULL: there is no such feature. */
	long (*run)(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data);
	/* SET of a feature that has both; NULL: @run. */
	long (*set)(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data);
	bool migrates; /* only a device that can be migrated has it */
};

/*
 * ---- low power: each call wakes the device while it lasts, so only the state is kept. A mapped
 * BAR does not answer (bar.c) ----
 */

/* Takes @wakeup (-1: none) on success. */
static int enter_low_power(struct vfio_device *device, int wakeup)
{
	int rc = 0;

	lock_acquire(&device->bind_lock);
	if (device->low_power) {
		rc = refuse(-EINVAL, "the device is in a low-power state already");
	} else {
		device->low_power = true;
		lock_acquire(&device->lock);
		bar_parts_rest(device, true);
		lock_release(&device->lock);
		device->wakeup_fd = wakeup;
		bar_exports_update(device);
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
		return refuse_memory("the data", data, sizeof(entry));
	if (entry.wakeup_eventfd < 0)
		return refuse_mistake(-EINVAL, "wakeup_eventfd is %d", entry.wakeup_eventfd);
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
	bar_exports_update(device);
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
		return refuse_memory("ranges", control->ranges,
				     control->num_ranges * sizeof(range));
	if (!range.length || !is_power_of_two(control->page_size) ||
	    !is_aligned(range.iova | range.length, control->page_size))
		return refuse_mistake(
			-EINVAL,
			"ranges[%u] 0x%llx+0x%llx is empty or not a multiple of page_size "
			"0x%llx, or that is no power of 2",
			index, (unsigned long long)range.iova, (unsigned long long)range.length,
			(unsigned long long)control->page_size);
	ranges[index].start = range.iova;
	if (check_last(range.iova, range.length, &ranges[index].last))
		return refuse_mistake(-EOVERFLOW, "ranges[%u] wraps around", index);
	for (uint32_t i = 0; i < index; i++) {
		if (iova_range_intersects(ranges[i], ranges[index]))
			return refuse_mistake(-EINVAL, "ranges[%u] and ranges[%u] overlap", i,
					      index);
	}
	return 0;
}

static long start_logging(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data)
{
	struct vfio_device_feature_dma_logging_control control;
	struct iova_range ranges[MAX_LOG_RANGES];
	int rc;

	if (caller_read(caller, &control, data, sizeof(control)))
		return refuse_memory("the data", data, sizeof(control));
	if (!control.num_ranges)
		return refuse_mistake(-EINVAL, "num_ranges is 0");
	if (control.num_ranges > MAX_LOG_RANGES)
		return refuse(-E2BIG, "num_ranges is %u: at most %u", control.num_ranges,
			      (unsigned int)MAX_LOG_RANGES);
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
		return refuse_memory("the data", data, sizeof(report));
	if (report.page_size < PAGE_SIZE || !is_power_of_two(report.page_size) || !report.length)
		return refuse_mistake(
			-EINVAL, "page_size 0x%llx is no power of 2 from 4096 on, or length is 0",
			(unsigned long long)report.page_size);
	range.start = report.iova;
	if (check_last(report.iova, report.length, &range.last))
		return refuse_mistake(-EOVERFLOW, "iova and length wrap around");
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
	[VFIO_DEVICE_FEATURE_MIGRATION] = {.op = VFIO_DEVICE_FEATURE_GET,
					   .size = sizeof(struct vfio_device_feature_migration),
					   .run = migration_get_flags,
					   .migrates = true},
	[VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE] = {.op = VFIO_DEVICE_FEATURE_GET |
							VFIO_DEVICE_FEATURE_SET,
						  .size = sizeof(
							  struct vfio_device_feature_mig_state),
						  .run = migration_get_state,
						  .set = migration_set_state,
						  .migrates = true},
	[VFIO_DEVICE_FEATURE_MIG_DATA_SIZE] = {.op = VFIO_DEVICE_FEATURE_GET,
					       .size = sizeof(
						       struct vfio_device_feature_mig_data_size),
					       .run = migration_get_size,
					       .migrates = true},
	[VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2] = {.op = VFIO_DEVICE_FEATURE_SET,
						    .run = migration_set_info_v2,
						    .migrates = true},
	[VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY] = {.op = VFIO_DEVICE_FEATURE_SET,
						 .run = low_power_entry},
	[VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP] =
		{.op = VFIO_DEVICE_FEATURE_SET,
		 .size = sizeof(struct vfio_device_low_power_entry_with_wakeup),
		 .run = low_power_entry_with_wakeup},
	[VFIO_DEVICE_FEATURE_LOW_POWER_EXIT] = {.op = VFIO_DEVICE_FEATURE_SET,
						.run = low_power_exit},
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_START] =
		{.op = VFIO_DEVICE_FEATURE_SET,
		 .size = sizeof(struct vfio_device_feature_dma_logging_control),
		 .run = start_logging},
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP] = {.op = VFIO_DEVICE_FEATURE_SET,
						  .run = stop_logging},
	[VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT] =
		{.op = VFIO_DEVICE_FEATURE_GET,
		 .size = sizeof(struct vfio_device_feature_dma_logging_report),
		 .run = report_logging},
	[VFIO_DEVICE_FEATURE_DMA_BUF] = {.op = VFIO_DEVICE_FEATURE_GET,
					 .size = sizeof(struct vfio_device_feature_dma_buf),
					 .run = bar_export_get},
};

static const struct feature *find_feature(struct vfio_device *device, uint32_t number)
{
	if (number >= sizeof(features) / sizeof(features[0]) || !features[number].run)
		return NULL;
	if (features[number].migrates && !migration_possible(device))
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
		return refuse_memory("the argument", arg, sizeof(head));
	if (head.argsz < sizeof(head))
		return refuse_mistake(-EINVAL, "argsz is %u, and must be %zu at least", head.argsz,
				      sizeof(head));
	if (head.flags & ~(VFIO_DEVICE_FEATURE_MASK | ops))
		return refuse_flags(-EINVAL, "flags", head.flags, VFIO_DEVICE_FEATURE_MASK | ops);
	if ((head.flags & both) == both && !(head.flags & VFIO_DEVICE_FEATURE_PROBE))
		return refuse_mistake(-EINVAL, "flags have both GET and SET, without PROBE");
	number = head.flags & VFIO_DEVICE_FEATURE_MASK;
	feature = find_feature(device, number);
	/* The absence of this one has an errno of its own [VFIO-FEATURE]. */
	if (!feature)
		return refuse(number == VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 ? -EINVAL : -ENOTTY,
			      "the device does not have feature %u", number);
	if (head.flags & both & ~feature->op)
		return refuse(-EINVAL, "feature %u cannot be %s", number,
			      head.flags & both & ~feature->op & VFIO_DEVICE_FEATURE_GET ? "got"
											 : "set");
	if (head.flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (!(head.flags & both))
		return refuse_mistake(-EINVAL, "flags have neither GET nor SET nor PROBE");
	if (head.argsz - sizeof(head) < feature->size)
		return refuse_mistake(-EINVAL,
				      "argsz is %u, and must be %zu at least for feature %u",
				      head.argsz, sizeof(head) + feature->size, number);
	if (head.flags & VFIO_DEVICE_FEATURE_SET && feature->set)
		return feature->set(device, caller, arg + sizeof(head));
	return feature->run(device, caller, arg + sizeof(head));
}
