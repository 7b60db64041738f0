/* SPDX-License-Identifier: MIT */
/* Reserved and permitted ranges of a device [EXT-NUMBERS], [EXT-RESV-RANGES], [EXT-DEV-RANGES]. */
#include <errno.h>

#include "ext.h"
#include "groups.h"

#define MSI_START UINT64_C(0xfee00000)
#define MSI_LAST  UINT64_C(0xfeefffff)

#define resv_errno(error, ...)                                \
	expect_errno(error, t->iommu, IOMMU_RESV_IOVA_RANGES, \
		     CMD(iommu_resv_iova_ranges, __VA_ARGS__))
#define dev_errno(error, ...)                                \
	expect_errno(error, t->iommu, IOMMU_DEV_IOVA_RANGES, \
		     CMD(iommu_dev_iova_ranges, __VA_ARGS__))

/* ---- numbers and framing ---- */

static void extensions_follow_the_framing_of_all_commands(void **state)
{
	struct fixture *t = ext_fixture(state);
	const struct {
		unsigned long cmd;
		uint32_t size;
	} cases[] = {{IOMMU_RESV_IOVA_RANGES, 24},
		     {IOMMU_DEV_IOVA_RANGES, 32},
		     {IOMMU_IOVA_LOOKUP, 64},
		     {IOMMU_IOAS_GET_INFO, 48}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t words[20] = {cases[i].size};

		expect_errno(ENOENT, t->iommu, cases[i].cmd, words);
		words[0] = cases[i].size - 1;
		expect_errno(EINVAL, t->iommu, cases[i].cmd, words);
		words[0] = sizeof(words);
		expect_errno(ENOENT, t->iommu, cases[i].cmd, words);
		words[ARRAY_SIZE(words) - 1] = 1;
		expect_errno(E2BIG, t->iommu, cases[i].cmd, words);
		expect_errno(EFAULT, t->iommu, cases[i].cmd, NULL);
	}
}

static void numbers_around_the_extensions_are_ENOTTY(void **state)
{
	struct fixture *t = ext_fixture(state);
	const uint32_t words[16] = {sizeof(words)};

	expect_errno(ENOTTY, t->iommu, _IO(IOMMUFD_TYPE, 0xbf), words);
	expect_errno(ENOTTY, t->iommu, _IO(IOMMUFD_TYPE, 0xc4), words);
	expect_errno(ENOTTY, t->iommu, _IO(IOMMUFD_TYPE, 0xff), words);
	expect_errno(ENOTTY, t->iommu, _IOW(IOMMUFD_TYPE, 0xc0, uint32_t), words);
}

/* ---- reserved ranges ---- */

static void resv_iova_ranges_with_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = ext_fixture(state);

	resv_errno(EOPNOTSUPP, .dev_id = 99, .__reserved = 1);
}

static void resv_iova_ranges_of_no_device_is_ENOENT(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct mock one = add_mock(t->iommu, t->ioas, 0);
	uint32_t access;

	mock_access(t->iommu, t->ioas, 0);
	access = new_ioas(t->iommu) - 1;
	expect_busy(t->iommu, access);
	resv_errno(ENOENT, .dev_id = 0);
	resv_errno(ENOENT, .dev_id = 99);
	resv_errno(ENOENT, .dev_id = t->ioas);
	resv_errno(ENOENT, .dev_id = one.stdev);
	resv_errno(ENOENT, .dev_id = access);
}

static void resv_iova_ranges_writes_the_entries_before_an_unwritable_one(void **state)
{
	struct fixture *t = ext_fixture(state);
	const struct iommu_iova_range zeros[1] = {{0, 0}};
	struct iommu_iova_range *ranges = before_hole(zeros, sizeof(zeros));
	struct iommu_resv_iova_ranges cmd = {
		.size = sizeof(cmd), .num_iovas = 3, .resv_iovas = (uintptr_t)ranges};

	ext_bind(t, EXT_AMD, &cmd.dev_id);
	expect_errno(EFAULT, t->iommu, IOMMU_RESV_IOVA_RANGES, &cmd);
	expect_equal(ranges[0].start, MSI_START);
	expect_equal(ranges[0].last, MSI_LAST);
	expect_equal(cmd.num_iovas, 3);
}

static void resv_iova_ranges_with_a_failed_copy_out_is_EFAULT(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct iommu_resv_iova_ranges cmd = {.size = sizeof(cmd)};

	ext_bind(t, EXT_64BIT, &cmd.dev_id);
	expect_errno(EFAULT, t->iommu, IOMMU_RESV_IOVA_RANGES, read_only(&cmd, sizeof(cmd)));
	/* It comes before the count is looked at. */
	ext_bind(t, EXT_X86, &cmd.dev_id);
	expect_errno(EFAULT, t->iommu, IOMMU_RESV_IOVA_RANGES, read_only(&cmd, sizeof(cmd)));
}

static void resv_iova_ranges_writes_the_ranges_that_fit(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct iommu_iova_range ranges[2] = {{1, 1}, {1, 1}};
	struct iommu_resv_iova_ranges cmd = {.size = sizeof(cmd), .resv_iovas = (uintptr_t)ranges};

	ext_bind(t, EXT_AMD, &cmd.dev_id);
	expect_errno(EMSGSIZE, t->iommu, IOMMU_RESV_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, 2);
	expect_equal(ranges[0].start, 1);
	cmd.num_iovas = 1;
	expect_errno(EMSGSIZE, t->iommu, IOMMU_RESV_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, 2);
	expect_equal(ranges[0].start, MSI_START);
	expect_equal(ranges[1].start, 1);
}

static void resv_iova_ranges_lists_what_attaching_would_reserve(void **state)
{
	struct fixture *t = ext_fixture(state);
	uint32_t dev_id;

	ext_bind(t, EXT_X86, &dev_id);
	expect_ranges(reserved_ranges(t, dev_id), {MSI_START, MSI_LAST});
	ext_bind(t, EXT_AMD, &dev_id);
	expect_ranges(reserved_ranges(t, dev_id), {MSI_START, MSI_LAST},
		      {0xfd00000000, 0xffffffffff});
	ext_bind(t, EXT_SMMU, &dev_id);
	expect_ranges(reserved_ranges(t, dev_id), {0x8000000, 0x80fffff});
	ext_bind(t, EXT_HOLE, &dev_id);
	expect_ranges(reserved_ranges(t, dev_id), {0xaaaa0000, 0xbbbaffff});
}

static void resv_iova_ranges_of_a_device_without_any_needs_no_array(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct iommu_resv_iova_ranges cmd = {.size = sizeof(cmd)};

	ext_bind(t, EXT_64BIT, &cmd.dev_id);
	expect_ok(t->iommu, IOMMU_RESV_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, 0);
	cmd.num_iovas = 100;
	expect_ok(t->iommu, IOMMU_RESV_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, 0);
	/* Mock devices have none. */
	cmd.dev_id = add_mock(t->iommu, t->ioas, 0).idev;
	expect_ok(t->iommu, IOMMU_RESV_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, 0);
}

static void resv_iova_ranges_leaves_the_aperture_out(void **state)
{
	struct fixture *t = ext_fixture(state);
	uint32_t dev_id;

	ext_bind(t, EXT_POWER, &dev_id);
	expect_equal(reserved_ranges(t, dev_id).count, 0);
	ext_bind(t, EXT_45BIT, &dev_id);
	expect_equal(reserved_ranges(t, dev_id).count, 0);
}

static void attaching_reserves_just_what_resv_iova_ranges_lists(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct range_list reserved, usable;
	uint32_t dev_id;
	int device = ext_bind(t, EXT_AMD, &dev_id);

	reserved = reserved_ranges(t, dev_id);
	attach_device(device, t->ioas);
	usable = usable_ranges(t, t->ioas, NULL);
	expect_equal(usable.count, reserved.count + 1);
	for (uint32_t i = 0; i < reserved.count; i++) {
		expect_equal(reserved.ranges[i].start, usable.ranges[i].last + 1);
		expect_equal(reserved.ranges[i].last, usable.ranges[i + 1].start - 1);
	}
	expect_same_ranges(reserved_ranges(t, dev_id), reserved);
}

/* ---- permitted ranges ---- */

static void dev_iova_ranges_with_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = ext_fixture(state);

	dev_errno(EOPNOTSUPP, .dev_id = 99, .__reserved = 1);
}

static void dev_iova_ranges_of_no_device_is_ENOENT(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct mock one = add_mock(t->iommu, t->ioas, 0);

	mock_access(t->iommu, t->ioas, 0);
	dev_errno(ENOENT, .dev_id = 0);
	dev_errno(ENOENT, .dev_id = t->ioas);
	dev_errno(ENOENT, .dev_id = one.stdev);
	dev_errno(ENOENT, .dev_id = one.hwpt);
	dev_errno(ENOENT, .dev_id = new_ioas(t->iommu) - 1);
}

static void dev_iova_ranges_writes_the_entries_before_an_unwritable_one(void **state)
{
	struct fixture *t = ext_fixture(state);
	const struct iommu_iova_range zeros[1] = {{0, 0}};
	struct iommu_iova_range *ranges = before_hole(zeros, sizeof(zeros));
	struct iommu_dev_iova_ranges cmd = {
		.size = sizeof(cmd), .num_iovas = 2, .allowed_iovas = (uintptr_t)ranges};

	ext_bind(t, EXT_X86, &cmd.dev_id);
	expect_errno(EFAULT, t->iommu, IOMMU_DEV_IOVA_RANGES, &cmd);
	expect_equal(ranges[0].last, MSI_START - 1);
	expect_equal(cmd.out_iova_alignment, 0);
}

static void dev_iova_ranges_with_a_failed_copy_out_is_EFAULT(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct iommu_dev_iova_ranges cmd = {.size = sizeof(cmd)};

	ext_bind(t, EXT_64BIT, &cmd.dev_id);
	expect_errno(EFAULT, t->iommu, IOMMU_DEV_IOVA_RANGES, read_only(&cmd, sizeof(cmd)));
}

static void dev_iova_ranges_writes_the_ranges_that_fit(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct iommu_iova_range ranges[2] = {{1, 1}, {1, 1}};
	struct iommu_dev_iova_ranges cmd = {
		.size = sizeof(cmd), .num_iovas = 1, .allowed_iovas = (uintptr_t)ranges};

	ext_bind(t, EXT_POWER, &cmd.dev_id);
	expect_errno(EMSGSIZE, t->iommu, IOMMU_DEV_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, 2);
	expect_equal(cmd.out_iova_alignment, PAGE);
	expect_equal(ranges[0].last, 0x3fffffff);
	expect_equal(ranges[1].start, 1);
}

static void dev_iova_ranges_gives_the_worked_examples(void **state)
{
	struct fixture *t = ext_fixture(state);
	uint64_t alignment;
	uint32_t dev_id;

	ext_bind(t, EXT_45BIT, &dev_id);
	expect_ranges(permitted_ranges(t, dev_id, NULL), {0, 0x1fffffffffff});
	ext_bind(t, EXT_POWER, &dev_id);
	expect_ranges(permitted_ranges(t, dev_id, NULL), {0, 0x3fffffff},
		      {0x0800000000000000, 0x08001fffffffffff});
	ext_bind(t, EXT_HOLE, &dev_id);
	expect_ranges(permitted_ranges(t, dev_id, NULL), {0, 0xaaa9ffff}, {0xbbbb0000, UINT64_MAX});
	ext_bind(t, EXT_X86, &dev_id);
	expect_ranges(permitted_ranges(t, dev_id, NULL), {0, 0xfedfffff},
		      {0xfef00000, 0xffffffffffff});
	dev_id = add_mock(t->iommu, t->ioas, 0).idev;
	expect_ranges(permitted_ranges(t, dev_id, &alignment), {0x1000000, 0x7fffffff});
	expect_equal(alignment, MOCK_PAGE_SIZE);
}

static void dev_iova_ranges_is_what_attaching_the_device_alone_leaves(void **state)
{
	struct fixture *t = ext_fixture(state);

	for (unsigned int which = 0; which < EXT_DEVICES; which++) {
		uint64_t promised, alignment;
		uint32_t dev_id, ioas = new_ioas(t->iommu);
		int device = ext_bind(t, which, &dev_id);
		struct range_list before = permitted_ranges(t, dev_id, &promised);

		/* Nothing has changed. */
		expect_ranges(usable_ranges(t, ioas, NULL), {0, UINT64_MAX});
		attach_device(device, ioas);
		expect_same_ranges(usable_ranges(t, ioas, &alignment), before);
		expect_equal(alignment, promised);
		/* The device says the same when it is attached. */
		expect_same_ranges(permitted_ranges(t, dev_id, NULL), before);
	}
}

static void allow_iovas_accepts_the_array_of_dev_iova_ranges(void **state)
{
	struct fixture *t = ext_fixture(state);

	for (unsigned int which = 0; which < EXT_DEVICES; which++) {
		uint32_t dev_id, ioas = new_ioas(t->iommu);
		int device = ext_bind(t, which, &dev_id);
		struct range_list permitted = permitted_ranges(t, dev_id, NULL);

		allow(t->iommu, ioas, permitted.ranges, permitted.count);
		attach_device(device, ioas);
	}
}

static void a_mapping_lies_in_one_window(void **state)
{
	struct fixture *t = ext_fixture(state);
	const uint64_t bad[] = {0x40000000,	    0x3ffff000,		0x07ffffffffffe000,
				0x07fffffffffff000, 0x0800200000000000, 0x08001ffffffff000};
	void *pages = mem_pages(2 * PAGE);
	uint32_t dev_id;

	attach_device(ext_bind(t, EXT_POWER, &dev_id), t->ioas);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_errno(EINVAL, t->iommu, IOMMU_IOAS_MAP,
			     CMD(iommu_ioas_map, .flags = RW | FIXED, .ioas_id = t->ioas,
				 .iova = bad[i], .user_va = (uintptr_t)pages, .length = 2 * PAGE));
	map_at(t->iommu, t->ioas, RW, 0x3fffe000, pages, 2 * PAGE);
	map_at(t->iommu, t->ioas, RW, 0x0800000000000000, pages, 2 * PAGE);
	map_at(t->iommu, t->ioas, RW, 0x08001fffffffe000, pages, 2 * PAGE);
}

static void several_devices_leave_the_intersection_of_their_ranges(void **state)
{
	struct fixture *t = ext_fixture(state);
	int first, second;
	uint32_t dev_id;

	first = ext_bind(t, EXT_45BIT, &dev_id);
	second = ext_bind(t, EXT_X86, &dev_id);
	attach_device(first, t->ioas);
	attach_device(second, t->ioas);
	expect_ranges(usable_ranges(t, t->ioas, NULL), {0, 0xfedfffff},
		      {0xfef00000, 0x1fffffffffff});
	detach_device(first);
	expect_ranges(usable_ranges(t, t->ioas, NULL), {0, 0xfedfffff},
		      {0xfef00000, 0xffffffffffff});
	detach_device(second);
	expect_ranges(usable_ranges(t, t->ioas, NULL), {0, UINT64_MAX});
}

int ext_ranges(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ext, extensions_follow_the_framing_of_all_commands,
		     "EXT-NUMBERS.1..4, COMMANDS.24"),
		CASE(ext, numbers_around_the_extensions_are_ENOTTY, "EXT-NUMBERS.1..4"),
		CASE(ext, resv_iova_ranges_with_reserved_is_EOPNOTSUPP, "EXT-RESV-RANGES.1"),
		CASE(ext, resv_iova_ranges_of_no_device_is_ENOENT, "EXT-RESV-RANGES.2"),
		CASE(ext, resv_iova_ranges_writes_the_entries_before_an_unwritable_one,
		     "EXT-RESV-RANGES.3"),
		CASE(ext, resv_iova_ranges_with_a_failed_copy_out_is_EFAULT, "EXT-RESV-RANGES.4"),
		CASE(ext, resv_iova_ranges_writes_the_ranges_that_fit, "EXT-RESV-RANGES.5"),
		CASE(ext, resv_iova_ranges_lists_what_attaching_would_reserve,
		     "EXT-RESV-RANGES, RESERVED-REGIONS.3..5"),
		CASE(ext, resv_iova_ranges_of_a_device_without_any_needs_no_array,
		     "EXT-RESV-RANGES"),
		CASE(ext, resv_iova_ranges_leaves_the_aperture_out, "EXT-RESV-RANGES"),
		CASE(ext, attaching_reserves_just_what_resv_iova_ranges_lists, "EXT-RESV-RANGES"),
		CASE(ext, dev_iova_ranges_with_reserved_is_EOPNOTSUPP, "EXT-DEV-RANGES"),
		CASE(ext, dev_iova_ranges_of_no_device_is_ENOENT, "EXT-DEV-RANGES"),
		CASE(ext, dev_iova_ranges_writes_the_entries_before_an_unwritable_one,
		     "EXT-DEV-RANGES"),
		CASE(ext, dev_iova_ranges_with_a_failed_copy_out_is_EFAULT, "EXT-DEV-RANGES"),
		CASE(ext, dev_iova_ranges_writes_the_ranges_that_fit, "EXT-DEV-RANGES"),
		CASE(ext, dev_iova_ranges_gives_the_worked_examples,
		     "EXT-DEV-RANGES-EXAMPLES.1..5"),
		CASE(ext, dev_iova_ranges_is_what_attaching_the_device_alone_leaves,
		     "EXT-DEV-RANGES"),
		CASE(ext, allow_iovas_accepts_the_array_of_dev_iova_ranges, "EXT-DEV-RANGES"),
		CASE(ext, a_mapping_lies_in_one_window, "EXT-DEV-RANGES-EXAMPLES"),
		CASE(ext, several_devices_leave_the_intersection_of_their_ranges,
		     "EXT-SEVERAL-DEVICES"),
	};

	return cmocka_run_group_tests_name("ranges of a device", tests, NULL, NULL);
}
