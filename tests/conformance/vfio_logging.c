/* SPDX-License-Identifier: MIT */
/*
 * DMA logging and the other features of a device [VFIO-FEATURE]. Skipped where the device's
 * driver has no logging.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

enum {
	PAGES = 32,
	RANGES_MAX = 256,
};

#define SET VFIO_DEVICE_FEATURE_SET
#define GET VFIO_DEVICE_FEATURE_GET

/* The feature @number with @len bytes of @data, in and out. Negative errno. */
static int feature(const struct fixture *t, uint32_t number, uint32_t op, const void *data,
		   size_t len)
{
	/* A struct vfio_device_feature with its data. */
	struct {
		uint32_t argsz, flags;
		uint64_t data[8];
	} cmd = {.argsz = (uint32_t)(8 + len), .flags = op | number};

	if (len)
		memcpy(cmd.data, data, len);
	return do_ioctl(t->device, VFIO_DEVICE_FEATURE, &cmd);
}

static void need_feature(const struct fixture *t, uint32_t number, uint32_t op)
{
	int rc = feature(t, number, VFIO_DEVICE_FEATURE_PROBE | op, NULL, 0);

	if (rc == -ENOTTY)
		skip_test("the device does not have the feature");
	expect_equal(rc, 0);
	expect_equal(feature(t, number, 0, NULL, 0), -EINVAL);
	expect_equal(feature(t, number, op ^ (GET | SET), NULL, 0), -EINVAL);
}

static int start_ranges(const struct fixture *t, uint64_t page_size,
			const struct vfio_device_feature_dma_logging_range *ranges, uint32_t count)
{
	const struct vfio_device_feature_dma_logging_control control = {
		.page_size = page_size,
		.num_ranges = count,
		.ranges = (uintptr_t)ranges,
	};

	return feature(t, VFIO_DEVICE_FEATURE_DMA_LOGGING_START, SET, &control, sizeof(control));
}

static int start(const struct fixture *t, uint64_t page_size, uint64_t iova, uint64_t length)
{
	const struct vfio_device_feature_dma_logging_range range = {iova, length};

	return start_ranges(t, page_size, &range, 1);
}

static int stop(const struct fixture *t)
{
	return feature(t, VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, SET, NULL, 0);
}

static int report(const struct fixture *t, uint64_t page_size, uint64_t iova, uint64_t length,
		  void *bitmap)
{
	const struct vfio_device_feature_dma_logging_report report = {
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.bitmap = (uintptr_t)bitmap,
	};

	return feature(t, VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, GET, &report, sizeof(report));
}

/* The bits of the first PAGES pages at IOVA, which are clean afterwards. */
static uint32_t reported(const struct fixture *t)
{
	uint32_t bitmap = 0;

	expect_equal(report(t, PAGE, IOVA, PAGES * PAGE, &bitmap), 0);
	return bitmap;
}

/* A device that logs, with PAGES pages at IOVA. */
static void *logging(struct fixture *t)
{
	void *memory = mem_pages(PAGES * PAGE);

	need_feature(t, VFIO_DEVICE_FEATURE_DMA_LOGGING_START, SET);
	need_edu(t);
	edu_scratch(t);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGES * PAGE);
	return memory;
}

static void logging_start_checks_its_argument(void **state)
{
	struct fixture *t = fixture(state);
	static struct vfio_device_feature_dma_logging_range ranges[RANGES_MAX + 1];

	logging(t);
	for (uint64_t i = 0; i <= RANGES_MAX; i++)
		ranges[i] = (struct vfio_device_feature_dma_logging_range){i * PAGE, PAGE};
	expect_equal(feature(t, VFIO_DEVICE_FEATURE_DMA_LOGGING_START, SET, ranges, 23), -EINVAL);
	expect_equal(start_ranges(t, PAGE, ranges, 0), -EINVAL);
	expect_equal(start_ranges(t, PAGE, ranges, RANGES_MAX + 1), -E2BIG);
	expect_equal(start_ranges(t, PAGE, NULL, 1), -EFAULT);
	expect_equal(start(t, PAGE, PAGE / 2, PAGE), -EINVAL);
	expect_equal(start(t, PAGE, PAGE, PAGE / 2), -EINVAL);
	expect_equal(start(t, 2 * PAGE, PAGE, 2 * PAGE), -EINVAL);
	expect_equal(start(t, PAGE, -PAGE, 2 * PAGE), -EOVERFLOW);
	ranges[1].iova = 0;
	expect_equal(start_ranges(t, PAGE, ranges, 2), -EINVAL);
	ranges[1].iova = PAGE;
	expect_equal(start_ranges(t, PAGE, ranges, RANGES_MAX), 0);
	expect_equal(stop(t), 0);
}

static void logging_report_checks_its_argument(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t bitmap = 0;

	logging(t);
	expect_equal(start(t, PAGE, IOVA, PAGES * PAGE), 0);
	expect_equal(report(t, 0, IOVA, PAGE, &bitmap), -EINVAL);
	expect_equal(report(t, PAGE / 2, IOVA, PAGE, &bitmap), -EINVAL);
	expect_equal(report(t, 3 * PAGE, IOVA, PAGE, &bitmap), -EINVAL);
	expect_equal(report(t, PAGE, -PAGE, 2 * PAGE, &bitmap), -EOVERFLOW);
	expect_equal(report(t, PAGE, 64 * IOVA, PAGE, &bitmap), 0);
	expect_equal(bitmap, 0);
}

static void logging_reports_what_was_written_once(void **state)
{
	struct fixture *t = fixture(state);

	logging(t);
	edu_poke(t->device, IOVA, 1);
	expect_equal(start(t, PAGE, IOVA, PAGES * PAGE), 0);
	expect_equal(reported(t), 0);
	edu_peek(t->device, IOVA + PAGE);
	edu_poke(t->device, IOVA + 3 * PAGE, 1);
	edu_poke(t->device, IOVA + 5 * PAGE - 4, 1);
	expect_equal(reported(t), 1 << 3 | 1 << 4 | 1 << 5);
	expect_equal(reported(t), 0);
	edu_poke(t->device, IOVA + 3 * PAGE, 1);
	expect_equal(reported(t), 1 << 3);
	expect_equal(stop(t), 0);
}

static void logging_reports_parts_and_other_sizes(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t bitmap = 1u << 31;

	logging(t);
	expect_equal(start(t, PAGE, IOVA, PAGES * PAGE), 0);
	for (uint64_t i = 0; i < 4; i++)
		edu_poke(t->device, IOVA + i * 3 * PAGE, 1);
	/* Bits are set, and none is cleared. */
	expect_equal(report(t, PAGE, IOVA + 2 * PAGE, 3 * PAGE, &bitmap), 0);
	expect_equal(bitmap, 1u << 31 | 1 << 1);
	bitmap = 0;
	expect_equal(report(t, 4 * PAGE, IOVA, 16 * PAGE, &bitmap), 0);
	expect_equal(bitmap, 1 << 0 | 1 << 1 | 1 << 2);
	expect_equal(reported(t), 0);
}

static void logging_ends_with_stop_and_with_the_file(void **state)
{
	struct fixture *t = fixture(state);

	logging(t);
	expect_equal(stop(t), 0);
	expect_equal(start(t, PAGE, IOVA, PAGES * PAGE), 0);
	edu_poke(t->device, IOVA, 1);
	expect_equal(stop(t), 0);
	expect_equal(start(t, PAGE, IOVA, PAGES * PAGE), 0);
	expect_equal(reported(t), 0);
	/* Nothing of it is left for the next owner (teardown closes it). */
}

static void low_power_is_entered_and_left(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_low_power_entry_with_wakeup entry = {.wakeup_eventfd = -1};
	const uint32_t with_wakeup = VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;

	need_feature(t, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, SET);
	expect_equal(feature(t, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, SET, NULL, 0), 0);
	expect_equal(feature(t, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, SET, NULL, 0), 0);
	expect_equal(feature(t, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, SET, NULL, 0), -EINVAL);
	/* Asleep, it answers still. */
	expect_true(config_read(t->device, 0, 2) != 0xffff);
	/* A reset does not end it. */
	(void)do_ioctl(t->device, VFIO_DEVICE_RESET, NULL);
	expect_equal(feature(t, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, SET, NULL, 0), -EINVAL);
	expect_equal(feature(t, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, SET, NULL, 0), 0);
	expect_equal(feature(t, with_wakeup, SET, &entry, sizeof(entry)), -EINVAL);
	entry.wakeup_eventfd = close_later(eventfd(0, EFD_CLOEXEC));
	expect_equal(feature(t, with_wakeup, SET, &entry, sizeof(entry)), 0);
	expect_equal(feature(t, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, SET, NULL, 0), 0);
}

int vfio_logging(void)
{
	const struct CMUnitTest tests[] = {
		CASE(attached, logging_start_checks_its_argument, "VFIO-FEATURE.5"),
		CASE(attached, logging_report_checks_its_argument, "VFIO-FEATURE.7"),
		CASE(attached, logging_reports_what_was_written_once, "VFIO-FEATURE.7"),
		CASE(attached, logging_reports_parts_and_other_sizes, "VFIO-FEATURE.7"),
		CASE(attached, logging_ends_with_stop_and_with_the_file, "VFIO-FEATURE.6"),
		CASE(bound, low_power_is_entered_and_left,
		     "VFIO-FEATURE.4, CONFIG-FEATURES.2, CONFIG-RESET-STATE.9"),
	};

	return cmocka_run_group_tests_name("DMA logging, sleep", tests, NULL, NULL);
}
