/* SPDX-License-Identifier: MIT */
/* 20-hwpt-device, 5: attaching a device that is attached moves it. */
#include <errno.h>

#include "conformance.h"
#include "edu.h"
#include "groups.h"

static void expect_replace(int error, const struct fixture *t, uint32_t pt_id)
{
	expect_errno(error, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = pt_id));
}

/* The device is where the fixture attached it, and nowhere else. */
static void expect_not_moved(const struct fixture *t)
{
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->hwpt));
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
	expect_equal(attach_device(t->device, t->ioas), t->hwpt);
}

static void s20_5_row1_bad_targets_change_nothing(void **state)
{
	struct fixture *t = fixture(state);

	expect_replace(ENOENT, t, 0);
	expect_replace(ENOENT, t, 99);
	expect_replace(EINVAL, t, t->dev_id);
	expect_not_moved(t);
}

static void s20_5_row4_the_same_page_table_is_a_success_without_change(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(attach_device(t->device, t->hwpt), t->hwpt);
	expect_equal(attach_device(t->device, t->ioas), t->hwpt);
	expect_not_moved(t);
	/* One detach is enough. */
	detach_device(t->device);
	destroy(t->iommu, t->ioas);
}

static void s20_5_row5_an_area_in_a_reserved_region_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);
	struct iommu_iova_range gap;

	if (!reserved_gap(t->iommu, t->ioas, &gap))
		skip_test("this device reserves nothing");
	map_at(t->iommu, other, RW, gap.start, mem_pages(PAGE), PAGE);
	expect_replace(EADDRINUSE, t, other);
	expect_not_moved(t);
	expect_equal(iova_ranges(t->iommu, other, NULL, 0, NULL), 1);
	expect_true(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL) > 1);
	destroy(t->iommu, other);
}

static void s20_5_row5_an_allowed_range_in_a_reserved_region_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);
	struct iommu_iova_range gap;

	if (!reserved_gap(t->iommu, t->ioas, &gap))
		skip_test("this device reserves nothing");
	allow(t->iommu, other, &gap, 1);
	expect_replace(EADDRINUSE, t, other);
	expect_not_moved(t);
}

static void s20_5_areas_that_cannot_be_pinned_keep_the_device_where_it_is(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	map_at(t->iommu, other, RW, IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	expect_replace(EFAULT, t, other);
	expect_not_moved(t);
	destroy(t->iommu, other);
}

static void s20_5_areas_that_are_not_aligned_are_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	map_at(t->iommu, other, RW, IOVA, mem_pages(PAGE), 100);
	expect_replace(EADDRINUSE, t, other);
	expect_not_moved(t);
}

static void s20_5_replace_moves_the_reserved_regions(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);
	struct iommu_iova_range before, after;

	if (!reserved_gap(t->iommu, t->ioas, &before))
		skip_test("this device reserves nothing");
	attach_device(t->device, other);
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), 1);
	expect_true(reserved_gap(t->iommu, other, &after));
	expect_equal(after.start, before.start);
	expect_equal(after.last, before.last);
	attach_device(t->device, t->ioas);
	expect_equal(iova_ranges(t->iommu, other, NULL, 0, NULL), 1);
}

static void s20_5_replace_frees_the_old_page_table(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	attach_device(t->device, other);
	expect_replace(ENOENT, t, t->hwpt);
	destroy(t->iommu, t->ioas);
	detach_device(t->device);
	destroy(t->iommu, other);
}

static void s20_5_another_device_keeps_the_old_page_table(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);
	int second = need_device(1);

	bind_device(second, t->iommu);
	if (attach_device(second, t->ioas) != t->hwpt)
		skip_test("the devices do not share page tables");
	attach_device(t->device, other);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->hwpt));
	/* And is found again there. */
	expect_equal(attach_device(t->device, t->hwpt), t->hwpt);
	destroy(t->iommu, other);
}

static void s20_5_the_device_sees_the_new_address_space(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t *here = mem_pages(PAGE), *there = mem_pages(PAGE);
	struct fixture other = {.iommu = t->iommu, .ioas = new_ioas(t->iommu)};

	need_edu(t);
	*here = 1;
	*there = 2;
	map_at(t->iommu, t->ioas, RW, IOVA, here, PAGE);
	map_at(t->iommu, other.ioas, RW, IOVA, there, PAGE);
	edu_scratch(t);
	expect_equal(edu_peek(t->device, IOVA), 1);
	attach_device(t->device, other.ioas);
	edu_scratch(&other);
	expect_equal(edu_peek(t->device, IOVA), 2);
	/* A replacement that fails does not interrupt it. */
	unmap(t->iommu, t->ioas, IOVA, PAGE);
	map_at(t->iommu, t->ioas, RW, IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	expect_replace(EFAULT, t, t->ioas);
	expect_equal(edu_peek(t->device, IOVA), 2);
}

int attach_replace(void)
{
	const struct CMUnitTest tests[] = {
		CASE(attached, s20_5_row1_bad_targets_change_nothing),
		CASE(attached, s20_5_row4_the_same_page_table_is_a_success_without_change),
		CASE(attached, s20_5_row5_an_area_in_a_reserved_region_is_EADDRINUSE),
		CASE(attached, s20_5_row5_an_allowed_range_in_a_reserved_region_is_EADDRINUSE),
		CASE(attached, s20_5_areas_that_cannot_be_pinned_keep_the_device_where_it_is),
		CASE(attached, s20_5_areas_that_are_not_aligned_are_EADDRINUSE),
		CASE(attached, s20_5_replace_moves_the_reserved_regions),
		CASE(attached, s20_5_replace_frees_the_old_page_table),
		CASE(attached, s20_5_another_device_keeps_the_old_page_table),
		CASE(attached, s20_5_the_device_sees_the_new_address_space),
	};

	return cmocka_run_group_tests_name("20-hwpt-device 5: replace", tests, NULL, NULL);
}
