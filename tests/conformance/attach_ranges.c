/* SPDX-License-Identifier: MIT */
/* What attaching a device does to the usable ranges [IOAS-USABLE], [ATTACH]. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conformance.h"
#include "groups.h"

enum {
	MAX_RANGES = 64
};

/*
 * The fixture with a device that reserves something; the range that it does, then detached again.
 */
static struct iommu_iova_range some_gap(const struct fixture *t)
{
	struct iommu_iova_range gap;
	bool any;

	attach_device(t->device, t->ioas);
	any = reserved_gap(t->iommu, t->ioas, &gap);
	detach_device(t->device);
	if (!any)
		skip_test("this device reserves nothing");
	return gap;
}

static void expect_attach(int error, const struct fixture *t)
{
	expect_errno(error, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = t->ioas));
}

static void iova_ranges_ascend_and_do_not_touch(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range ranges[MAX_RANGES];
	uint32_t count = iova_ranges(t->iommu, t->ioas, ranges, MAX_RANGES, NULL);

	expect_true(count >= 1 && count <= MAX_RANGES);
	for (uint32_t i = 0; i < count; i++) {
		expect_true(ranges[i].start <= ranges[i].last);
		if (i)
			expect_true(ranges[i - 1].last < ranges[i].start - 1);
	}
}

static void iova_ranges_writes_the_entries_before_an_unwritable_one(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range ranges[MAX_RANGES], empty = {7, 7};
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd), .ioas_id = t->ioas, .num_iovas = MAX_RANGES};
	const struct iommu_iova_range *entry = before_hole(&empty, sizeof(empty));

	if (iova_ranges(t->iommu, t->ioas, ranges, MAX_RANGES, NULL) < 2)
		skip_test("this device reserves nothing");
	cmd.allowed_iovas = (uintptr_t)entry;
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_IOVA_RANGES, &cmd);
	expect_equal(entry->start, ranges[0].start);
	expect_equal(entry->last, ranges[0].last);
	expect_equal(cmd.num_iovas, MAX_RANGES);
	expect_equal(cmd.out_iova_alignment, 0);
}

static void iova_ranges_writes_the_entries_that_fit(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range ranges[MAX_RANGES], first = {7, 7};
	uint32_t count = iova_ranges(t->iommu, t->ioas, ranges, MAX_RANGES, NULL);
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd), .ioas_id = t->ioas, .num_iovas = 1};

	if (count < 2)
		skip_test("this device reserves nothing");
	cmd.allowed_iovas = (uintptr_t)before_hole(&first, sizeof(first));
	expect_errno(EMSGSIZE, t->iommu, IOMMU_IOAS_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, count);
	expect_equal(cmd.out_iova_alignment, PAGE);
	memcpy(&first, (void *)(uintptr_t)cmd.allowed_iovas, sizeof(first));
	expect_equal(first.last, ranges[0].last);
}

static void attaching_narrows_the_iova_ranges_and_detaching_widens_them(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range range, gap = some_gap(t);

	expect_equal(iova_ranges(t->iommu, t->ioas, &range, 1, NULL), 1);
	expect_equal(range.last, UINT64_MAX);
	attach_device(t->device, t->ioas);
	expect_true(iova_ranges(t->iommu, t->ioas, &range, 1, NULL) > 1);
	expect_equal(range.last, gap.start - 1);
	detach_device(t->device);
	expect_equal(iova_ranges(t->iommu, t->ioas, &range, 1, NULL), 1);
	expect_equal(range.last, UINT64_MAX);
}

static void attaching_to_one_ioas_leaves_the_ranges_of_others(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	expect_equal(iova_ranges(t->iommu, other, NULL, 0, NULL), 1);
}

static void reserved_ranges_stay_until_the_last_of_their_devices_detaches(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range now, gap = some_gap(t);
	int second = need_device(1);

	bind_device(second, t->iommu);
	attach_device(t->device, t->ioas);
	attach_device(second, t->ioas);
	detach_device(t->device);
	expect_true(reserved_gap(t->iommu, t->ioas, &now));
	expect_equal(now.start, gap.start);
	detach_device(second);
	expect_true(!reserved_gap(t->iommu, t->ioas, &now));
}

static void allowing_a_reserved_range_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range gap = some_gap(t);
	const struct iommu_iova_range bad[] = {
		gap,
		{gap.start - 1, gap.start},
		{gap.last, gap.last + 1},
		{0, UINT64_MAX},
	};
	const struct iommu_iova_range good = {gap.last + 1, gap.last + 16 * PAGE};

	attach_device(t->device, t->ioas);
	allow(t->iommu, t->ioas, &good, 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_errno(EADDRINUSE, t->iommu, IOMMU_IOAS_ALLOW_IOVAS,
			     CMD(iommu_ioas_allow_iovas, .ioas_id = t->ioas, .num_iovas = 1,
				 .allowed_iovas = (uintptr_t)&bad[i]));
	/* The old list stays. */
	expect_equal(map_anywhere(t->iommu, t->ioas, (uintptr_t)mem_pages(PAGE), PAGE), good.start);
}

static void allow_iovas_checks_all_entries_before_reserved_ranges(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range gap = some_gap(t);
	const struct iommu_iova_range ranges[] = {gap, {PAGE, PAGE}};

	attach_device(t->device, t->ioas);
	expect_errno(EINVAL, t->iommu, IOMMU_IOAS_ALLOW_IOVAS,
		     CMD(iommu_ioas_allow_iovas, .ioas_id = t->ioas, .num_iovas = 2,
			 .allowed_iovas = (uintptr_t)ranges));
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_ALLOW_IOVAS,
		     CMD(iommu_ioas_allow_iovas, .ioas_id = t->ioas, .num_iovas = 2,
			 .allowed_iovas = (uintptr_t)before_hole(&gap, sizeof(gap))));
}

static void attach_with_an_area_in_a_reserved_region_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range gap = some_gap(t);
	const uint64_t iovas[] = {gap.start, gap.last + 1 - PAGE};

	for (size_t i = 0; i < ARRAY_SIZE(iovas); i++) {
		map_at(t->iommu, t->ioas, RW, iovas[i], mem_pages(PAGE), PAGE);
		expect_attach(EADDRINUSE, t);
		/* All or nothing. */
		expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), 1);
		expect_equal(new_ioas(t->iommu), t->dev_id + 1);
		destroy(t->iommu, t->dev_id + 1);
		unmap(t->iommu, t->ioas, iovas[i], PAGE);
	}
	map_at(t->iommu, t->ioas, RW, gap.start - PAGE, mem_pages(PAGE), PAGE);
	map_at(t->iommu, t->ioas, RW, gap.last + 1, mem_pages(PAGE), PAGE);
	expect_attach(0, t);
}

static void attach_with_an_allowed_range_in_a_reserved_region_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range gap = some_gap(t);
	struct iommu_iova_range wide = {gap.start - PAGE, gap.start};

	allow(t->iommu, t->ioas, &wide, 1);
	expect_attach(EADDRINUSE, t);
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), 1);
	wide.last = gap.start - 1;
	allow(t->iommu, t->ioas, &wide, 1);
	expect_attach(0, t);
}

/* What the system says that devices of the group reserve is what cannot be used. */
static void attaching_reserves_the_regions_that_sysfs_lists_for_the_group(void **state)
{
	struct fixture *t = fixture(state);
	unsigned long long start, last;
	char word[32];
	char path[128];
	FILE *file;
	int lines = 0;

	snprintf(path, sizeof(path),
		 "/sys/class/vfio-dev/vfio%u/device/iommu_group/reserved_regions",
		 device_number(0));
	file = fopen(path, "re");
	if (!file)
		conformance_fail(HERE, "%s: %s", path, strerror(errno));
	while (fscanf(file, "%llx %llx %31s", &start, &last, word) == 3) {
		lines++;
		if (!strcmp(word, "direct-relaxable"))
			continue;
		expect_errno(EINVAL, t->iommu, IOMMU_IOAS_MAP,
			     CMD(iommu_ioas_map, .flags = RW | FIXED, .ioas_id = t->ioas,
				 .user_va = (uintptr_t)mem_pages(PAGE), .length = PAGE,
				 .iova = start));
	}
	fclose(file);
	if (!lines)
		skip_test("this device reserves nothing");
}

int attach_ranges(void)
{
	const struct CMUnitTest tests[] = {
		CASE(attached, iova_ranges_ascend_and_do_not_touch, "IOAS-IOVA-RANGES"),
		CASE(attached, iova_ranges_writes_the_entries_before_an_unwritable_one,
		     "IOAS-IOVA-RANGES.3"),
		CASE(attached, iova_ranges_writes_the_entries_that_fit, "IOAS-IOVA-RANGES.5"),
		CASE(bound, attaching_narrows_the_iova_ranges_and_detaching_widens_them,
		     "IOAS-USABLE"),
		CASE(attached, attaching_to_one_ioas_leaves_the_ranges_of_others, "IOAS-USABLE"),
		CASE(bound, reserved_ranges_stay_until_the_last_of_their_devices_detaches,
		     "IOAS-USABLE"),
		CASE(bound, allowing_a_reserved_range_is_EADDRINUSE,
		     "IOAS-ALLOW-IOVAS.7, IOAS-USABLE.2"),
		CASE(bound, allow_iovas_checks_all_entries_before_reserved_ranges,
		     "IOAS-ALLOW-IOVAS.7"),
		CASE(bound, attach_with_an_area_in_a_reserved_region_is_EADDRINUSE,
		     "ATTACH.5, IOAS-USABLE.1"),
		CASE(bound, attach_with_an_allowed_range_in_a_reserved_region_is_EADDRINUSE,
		     "ATTACH.5, IOAS-USABLE.1"),
		CASE(attached, attaching_reserves_the_regions_that_sysfs_lists_for_the_group,
		     "DEVICE.7, RESERVED-REGIONS.3..5"),
	};

	return cmocka_run_group_tests_name("usable ranges", tests, NULL, NULL);
}
