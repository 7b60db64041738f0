/* SPDX-License-Identifier: MIT */
/* Attaching a device that is attached moves it [REPLACE]. */
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

static void replace_by_a_bad_target_changes_nothing(void **state)
{
	struct fixture *t = fixture(state);

	expect_replace(ENOENT, t, 0);
	expect_replace(ENOENT, t, 99);
	expect_replace(EINVAL, t, t->dev_id);
	expect_not_moved(t);
}

static void replace_by_the_attached_auto_hwpt_changes_nothing(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(attach_device(t->device, t->hwpt), t->hwpt);
	expect_equal(attach_device(t->device, t->ioas), t->hwpt);
	expect_not_moved(t);
	/* One detach is enough. */
	detach_device(t->device);
	destroy(t->iommu, t->ioas);
}

static void replace_with_an_area_in_a_reserved_region_is_EADDRINUSE(void **state)
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

static void replace_with_an_allowed_range_in_a_reserved_region_is_EADDRINUSE(void **state)
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

static void replace_by_an_ioas_that_cannot_be_pinned_changes_nothing(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	map_at(t->iommu, other, RW, IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	expect_replace(EFAULT, t, other);
	expect_not_moved(t);
	destroy(t->iommu, other);
}

static void replace_by_an_ioas_with_unaligned_areas_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	map_at(t->iommu, other, RW, IOVA, mem_pages(PAGE), 100);
	expect_replace(EADDRINUSE, t, other);
	expect_not_moved(t);
}

static void replace_moves_the_reserved_regions(void **state)
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

static void replace_frees_the_old_auto_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	attach_device(t->device, other);
	expect_replace(ENOENT, t, t->hwpt);
	destroy(t->iommu, t->ioas);
	detach_device(t->device);
	destroy(t->iommu, other);
}

static void replace_keeps_the_old_hwpt_while_another_device_uses_it(void **state)
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

static void after_replace_the_device_sees_the_new_ioas(void **state)
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
		CASE(attached, replace_by_a_bad_target_changes_nothing, "REPLACE.1"),
		CASE(attached, replace_by_the_attached_auto_hwpt_changes_nothing, "REPLACE.4"),
		CASE(attached, replace_with_an_area_in_a_reserved_region_is_EADDRINUSE,
		     "REPLACE.5"),
		CASE(attached, replace_with_an_allowed_range_in_a_reserved_region_is_EADDRINUSE,
		     "REPLACE.5"),
		CASE(attached, replace_by_an_ioas_that_cannot_be_pinned_changes_nothing, "REPLACE"),
		CASE(attached, replace_by_an_ioas_with_unaligned_areas_is_EADDRINUSE, "REPLACE"),
		CASE(attached, replace_moves_the_reserved_regions, "REPLACE"),
		CASE(attached, replace_frees_the_old_auto_hwpt, "REPLACE"),
		CASE(attached, replace_keeps_the_old_hwpt_while_another_device_uses_it, "REPLACE"),
		CASE(attached, after_replace_the_device_sees_the_new_ioas, "REPLACE"),
	};

	return cmocka_run_group_tests_name("replace", tests, NULL, NULL);
}
