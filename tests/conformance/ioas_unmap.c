/* SPDX-License-Identifier: MIT */
/*
 * IOMMU_IOAS_UNMAP [IOAS-UNMAP]. Areas in use and pinned areas are in viommu_hw_queue.c and
 * mock_access.c.
 */
#include <errno.h>

#include "conformance.h"
#include "groups.h"

static void expect_unmap(int error, const struct fixture *t, uint64_t iova, uint64_t length)
{
	expect_errno(error, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = iova, .length = length));
}

/* Unmaps; how many bytes were. */
static uint64_t unmapped(const struct fixture *t, uint64_t iova, uint64_t length)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = t->ioas, .iova = iova, .length = length};

	expect_ok(t->iommu, IOMMU_IOAS_UNMAP, &cmd);
	return cmd.length;
}

static void map_pages(const struct fixture *t, uint64_t first, uint64_t count)
{
	map_at(t->iommu, t->ioas, RW, IOVA + first * PAGE, mem_pages(count * PAGE), count * PAGE);
}

static void unmap_in_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	t->ioas = 99;
	expect_unmap(ENOENT, t, IOVA, PAGE);
	expect_unmap(ENOENT, t, 0, UINT64_MAX);
	expect_unmap(ENOENT, t, UINT64_MAX, 0);
}

static void unmap_of_iova_0_and_length_U64_MAX_removes_everything(void **state)
{
	struct fixture *t = fixture(state);

	map_pages(t, 0, 1);
	map_pages(t, 1, 2);
	map_pages(t, 100, 3);
	map_at(t->iommu, t->ioas, RW, 0, mem_pages(PAGE), 1);
	map_at(t->iommu, t->ioas, RW, -PAGE, mem_pages(PAGE), PAGE);
	expect_equal(unmapped(t, 0, UINT64_MAX), 7 * PAGE + 1);
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
}

static void unmap_of_everything_in_an_empty_ioas_succeeds_with_length_0(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(unmapped(t, 0, UINT64_MAX), 0);
	map_pages(t, 0, 1);
	expect_equal(unmapped(t, 0, UINT64_MAX), PAGE);
	expect_equal(unmapped(t, 0, UINT64_MAX), 0);
}

static void unmap_with_iova_or_length_of_U64_MAX_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);

	expect_unmap(EOVERFLOW, t, 1, UINT64_MAX);
	expect_unmap(EOVERFLOW, t, UINT64_MAX, 1);
	expect_unmap(EOVERFLOW, t, UINT64_MAX, 0);
}

static void unmap_of_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	map_pages(t, 0, 1);
	expect_unmap(EINVAL, t, IOVA, 0);
	expect_unmap(EINVAL, t, 0, 0);
}

static void unmap_of_a_range_that_wraps_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);

	map_pages(t, 0, 1);
	expect_unmap(EOVERFLOW, t, UINT64_MAX - 1, 3);
	expect_unmap(EOVERFLOW, t, IOVA, UINT64_MAX - 1);
	/* Up to the last byte it does not wrap. */
	expect_unmap(ENOENT, t, UINT64_MAX - 1, 2);
	expect_equal(unmapped(t, IOVA, -IOVA), PAGE);
}

static void unmap_of_part_of_an_area_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	map_pages(t, 0, 4);
	expect_unmap(ENOENT, t, IOVA, 3 * PAGE);
	expect_unmap(ENOENT, t, IOVA, 4 * PAGE - 1);
	expect_unmap(ENOENT, t, IOVA + PAGE, 3 * PAGE);
	expect_unmap(ENOENT, t, IOVA + 1, 100 * PAGE);
	expect_unmap(ENOENT, t, IOVA + PAGE, PAGE);
	expect_unmap(ENOENT, t, 0, IOVA + 1);
	expect_true(is_mapped(t->iommu, t->ioas, IOVA));
	expect_equal(unmapped(t, IOVA, 4 * PAGE), 4 * PAGE);
}

static void unmap_removes_the_areas_below_a_partial_one(void **state)
{
	struct fixture *t = fixture(state);

	map_pages(t, 0, 2);
	map_pages(t, 2, 2);
	map_pages(t, 4, 1);
	expect_unmap(ENOENT, t, IOVA, 3 * PAGE);
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA + PAGE));
	expect_true(is_mapped(t->iommu, t->ioas, IOVA + 2 * PAGE));
	/* One that is partial at the start ends it before the others. */
	expect_unmap(ENOENT, t, IOVA + 3 * PAGE, 2 * PAGE);
	expect_true(is_mapped(t->iommu, t->ioas, IOVA + 4 * PAGE));
}

static void unmap_of_nothing_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	expect_unmap(ENOENT, t, IOVA, PAGE);
	map_pages(t, 2, 1);
	expect_unmap(ENOENT, t, IOVA, 2 * PAGE);
	expect_unmap(ENOENT, t, IOVA + 3 * PAGE, PAGE);
	expect_unmap(ENOENT, t, 0, IOVA);
}

static void unmap_skips_holes_and_returns_the_length_that_was_mapped(void **state)
{
	struct fixture *t = fixture(state);

	map_pages(t, 1, 1);
	map_pages(t, 3, 2);
	map_pages(t, 5, 1);
	map_pages(t, 9, 1);
	expect_equal(unmapped(t, IOVA, 9 * PAGE), 4 * PAGE);
	expect_true(is_mapped(t->iommu, t->ioas, IOVA + 9 * PAGE));
}

static void unmap_takes_any_superset_of_an_area(void **state)
{
	struct fixture *t = fixture(state);

	map_pages(t, 1, 1);
	expect_equal(unmapped(t, IOVA + PAGE - 1, PAGE + 2), PAGE);
	map_pages(t, 1, 1);
	expect_equal(unmapped(t, 0, UINT64_MAX - 1), PAGE);
	map_pages(t, 1, 1);
	expect_equal(unmapped(t, 1, UINT64_MAX - 1), PAGE);
}

static void unmapping_with_a_page_table_is_the_same(void **state)
{
	struct fixture *t = fixture(state);

	map_pages(t, 0, 16);
	map_pages(t, 16, 1);
	expect_unmap(ENOENT, t, IOVA, 8 * PAGE);
	expect_equal(unmapped(t, IOVA, 32 * PAGE), 17 * PAGE);
	map_pages(t, 0, 16);
	expect_equal(unmapped(t, 0, UINT64_MAX), 16 * PAGE);
}

int ioas_unmap(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, unmap_in_no_ioas_is_ENOENT, "IOAS-UNMAP.1"),
		CASE(ioas, unmap_of_iova_0_and_length_U64_MAX_removes_everything, "IOAS-UNMAP.2"),
		CASE(ioas, unmap_of_everything_in_an_empty_ioas_succeeds_with_length_0,
		     "IOAS-UNMAP.2"),
		CASE(ioas, unmap_with_iova_or_length_of_U64_MAX_is_EOVERFLOW, "IOAS-UNMAP.3"),
		CASE(ioas, unmap_of_length_0_is_EINVAL, "IOAS-UNMAP.4"),
		CASE(ioas, unmap_of_a_range_that_wraps_is_EOVERFLOW, "IOAS-UNMAP.5"),
		CASE(ioas, unmap_of_part_of_an_area_is_ENOENT, "IOAS-UNMAP.6c"),
		CASE(ioas, unmap_removes_the_areas_below_a_partial_one, "IOAS-UNMAP.6c"),
		CASE(ioas, unmap_of_nothing_is_ENOENT, "IOAS-UNMAP.7"),
		CASE(ioas, unmap_skips_holes_and_returns_the_length_that_was_mapped,
		     "IOAS-UNMAP.6"),
		CASE(ioas, unmap_takes_any_superset_of_an_area, "IOAS-UNMAP"),
		CASE(attached, unmapping_with_a_page_table_is_the_same, "IOAS-UNMAP"),
	};

	return cmocka_run_group_tests_name("IOMMU_IOAS_UNMAP", tests, NULL, NULL);
}
