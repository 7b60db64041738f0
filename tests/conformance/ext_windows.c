/* SPDX-License-Identifier: MIT */
/* Windows that an emulated vIOMMU asks for [EXT-WINDOWS]. */
#include <errno.h>

#include "ext.h"
#include "groups.h"

static const struct iommu_iova_range windows[] = {
	{0, 0x3fffffff},
	{0x0800000000000000, 0x08001fffffffffff},
};

/* windows: they are allowed in the IOAS. */
static int setup_windows(void **state)
{
	struct fixture *t;

	if (setup_ext(state))
		return -1;
	t = *state;
	allow(t->iommu, t->ioas, windows, ARRAY_SIZE(windows));
	return 0;
}

#define attach_errno(error, device)                                \
	expect_errno(error, device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, \
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = t->ioas))

static void devices_that_reach_the_windows_attach(void **state)
{
	struct fixture *t = ext_fixture(state);
	const enum ext_device good[] = {EXT_64BIT, EXT_POWER, EXT_AMD};
	uint32_t dev_id;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int device = ext_bind(t, good[i], &dev_id);

		attach_device(device, t->ioas);
		detach_device(device);
	}
}

static void a_device_that_does_not_reach_the_windows_is_EADDRINUSE(void **state)
{
	struct fixture *t = ext_fixture(state);
	uint32_t dev_id;
	int device = ext_bind(t, EXT_45BIT, &dev_id);

	attach_errno(EADDRINUSE, device);
	expect_ranges(usable_ranges(t, t->ioas, NULL), {0, UINT64_MAX});
	/* It is as it was: not attached. */
	detach_device(device);
	allow(t->iommu, t->ioas, windows, 1);
	attach_device(device, t->ioas);
}

static void hotplugged_devices_are_held_to_the_windows(void **state)
{
	struct fixture *t = ext_fixture(state);
	struct range_list usable;
	uint32_t dev_id;

	attach_device(ext_bind(t, EXT_POWER, &dev_id), t->ioas);
	usable = usable_ranges(t, t->ioas, NULL);
	attach_errno(EADDRINUSE, ext_bind(t, EXT_45BIT, &dev_id));
	expect_same_ranges(usable_ranges(t, t->ioas, NULL), usable);
	attach_device(ext_bind(t, EXT_64BIT, &dev_id), t->ioas);
	expect_same_ranges(usable_ranges(t, t->ioas, NULL), usable);
}

static void allowing_reserved_windows_keeps_the_old_ones(void **state)
{
	struct fixture *t = ext_fixture(state);
	const struct iommu_iova_range wide = {0, 0xffffffff};
	uint32_t dev_id;
	int device = ext_bind(t, EXT_AMD, &dev_id);

	attach_device(device, t->ioas);
	expect_errno(EADDRINUSE, t->iommu, IOMMU_IOAS_ALLOW_IOVAS,
		     CMD(iommu_ioas_allow_iovas, .ioas_id = t->ioas, .num_iovas = 1,
			 .allowed_iovas = (uintptr_t)&wide));
	/* The old ones still keep a device out. */
	attach_errno(EADDRINUSE, ext_bind(t, EXT_45BIT, &dev_id));
	detach_device(device);
	allow(t->iommu, t->ioas, &wide, 1);
}

static void automatic_iovas_use_the_windows_in_order(void **state)
{
	struct fixture *t = ext_fixture(state);
	const struct iommu_iova_range small[] = {{0x0800000000000000, 0x08001fffffffffff},
						 {0x10000, 0x11fff}};
	const uint64_t va = (uintptr_t)mem_aligned(2 * PAGE, 2 * PAGE);

	allow(t->iommu, t->ioas, small, ARRAY_SIZE(small));
	expect_equal(map_anywhere(t->iommu, t->ioas, va, 2 * PAGE), 0x10000);
	expect_equal(map_anywhere(t->iommu, t->ioas, va, 2 * PAGE), 0x0800000000000000);
}

static void fixed_mappings_are_limited_by_reserved_ranges_only(void **state)
{
	struct fixture *t = ext_fixture(state);
	void *page = mem_pages(PAGE);
	uint32_t dev_id;

	map_at(t->iommu, t->ioas, RW, 0x50000000, page, PAGE);
	attach_device(ext_bind(t, EXT_64BIT, &dev_id), t->ioas);
	map_at(t->iommu, t->ioas, RW, 0x60000000, page, PAGE);
}

int ext_windows(void)
{
	const struct CMUnitTest tests[] = {
		CASE(windows, devices_that_reach_the_windows_attach,
		     "EXT-WINDOWS.2, EXT-WINDOWS-CASES.1..2, EXT-WINDOWS-CASES.4"),
		CASE(windows, a_device_that_does_not_reach_the_windows_is_EADDRINUSE,
		     "EXT-WINDOWS-CASES.3"),
		CASE(windows, hotplugged_devices_are_held_to_the_windows, "EXT-WINDOWS.3"),
		CASE(windows, allowing_reserved_windows_keeps_the_old_ones,
		     "EXT-WINDOWS.1, EXT-WINDOWS.4, EXT-WINDOWS-CASES.5"),
		CASE(windows, automatic_iovas_use_the_windows_in_order, "EXT-WINDOWS"),
		CASE(windows, fixed_mappings_are_limited_by_reserved_ranges_only, "EXT-WINDOWS"),
	};

	return cmocka_run_group_tests_name("requested windows", tests, NULL, NULL);
}
