/* SPDX-License-Identifier: MIT */
/* 30-faults-viommu, 5: HW queues. */
#include <errno.h>

#include "groups.h"
#include "nested.h"

#define MOCK_TYPE IOMMU_HW_QUEUE_TYPE_SELFTEST

/* hw: a vIOMMU, and one page of guest memory at IOVA. */
static char *memory;

static int setup_hw(void **state)
{
	struct fixture *t;

	if (setup_viommu(state))
		return -1;
	t = *state;
	memory = mem_pages(PAGE);
	map_at(t->iommu, t->ioas, READ, IOVA, memory, PAGE);
	return 0;
}

static uint32_t new_hw_queue(const struct fixture *t, uint32_t index)
{
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = nested.viommu,
		.type = MOCK_TYPE,
		.index = index,
		.nesting_parent_iova = IOVA,
		.length = PAGE,
	};

	expect_ok(t->iommu, IOMMU_HW_QUEUE_ALLOC, &cmd);
	return cmd.out_hw_queue_id;
}

#define hw_errno(error, ...) \
	expect_errno(error, t->iommu, IOMMU_HW_QUEUE_ALLOC, CMD(iommu_hw_queue_alloc, __VA_ARGS__))
#define range_errno(error, iova, bytes)                                \
	hw_errno(error, .viommu_id = nested.viommu, .type = MOCK_TYPE, \
		 .nesting_parent_iova = iova, .length = bytes)

static void s30_5_row1_flags_and_type_0_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	hw_errno(EOPNOTSUPP, .flags = 1, .viommu_id = nested.viommu, .type = MOCK_TYPE,
		 .nesting_parent_iova = IOVA, .length = PAGE);
	hw_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .nesting_parent_iova = IOVA,
		 .length = PAGE);
}

static void s30_5_row2_no_length_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	range_errno(EINVAL, IOVA, 0);
}

static void s30_5_row3_a_range_that_wraps_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);

	range_errno(EOVERFLOW, UINT64_MAX, 2);
	range_errno(EOVERFLOW, 2, UINT64_MAX);
}

static void s30_5_row4_what_is_no_viommu_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, nested.parent, mock.idev};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		hw_errno(ENOENT, .viommu_id = ids[i], .type = MOCK_TYPE,
			 .nesting_parent_iova = IOVA, .length = PAGE);
}

static void s30_5_row5_another_type_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	hw_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .type = MOCK_TYPE + 1, .index = 9,
		 .nesting_parent_iova = IOVA, .length = PAGE);
	hw_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV,
		 .nesting_parent_iova = IOVA, .length = PAGE);
}

static void s30_5_row7_a_length_that_wraps_in_pages_is_ERANGE(void **state)
{
	struct fixture *t = fixture(state);

	/* With the offset in the page; rounded up. */
	range_errno(ERANGE, PAGE - 1, -(PAGE - 1));
	range_errno(ERANGE, 0, UINT64_MAX);
	range_errno(ERANGE, 1, UINT64_MAX - 1);
}

static void s30_5_row8_an_absurd_length_is_ENOMEM(void **state)
{
	struct fixture *t = fixture(state);

	range_errno(ENOMEM, 0, UINT64_C(1) << 62);
	range_errno(ENOMEM, 0, UINT64_C(1) << 40);
}

static void s30_5_row9_areas_that_are_not_aligned_are_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, 2 * IOVA, mem_pages(PAGE), 2048);
	range_errno(EADDRINUSE, IOVA, PAGE);
	unmap(t->iommu, t->ioas, 2 * IOVA, 2048);
	new_hw_queue(t, 0);
}

static void s30_5_row10_what_is_not_mapped_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	range_errno(ENOENT, 2 * IOVA, PAGE);
	range_errno(ENOENT, IOVA, 2 * PAGE);
	range_errno(ENOENT, IOVA - 1, PAGE);
	/* Nothing stays pinned. */
	unmap(t->iommu, t->ioas, IOVA, PAGE);
	check_refs(t->iommu, memory, PAGE, 0);
}

static void s30_5_row10_what_is_not_readable_is_EPERM(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, WRITE, 2 * IOVA, mem_pages(PAGE), PAGE);
	range_errno(EPERM, 2 * IOVA, PAGE);
}

static void s30_5_row10_a_dmabuf_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	int fd = close_later(expect_ok(t->iommu, IOMMU_TEST_CMD,
				       TEST_CMD(DMABUF_GET, 0, .dmabuf_get = {.length = PAGE})));

	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .length = PAGE, .iova = 2 * IOVA));
	range_errno(EINVAL, 2 * IOVA, PAGE);
}

static void s30_5_row11_frames_that_do_not_follow_each_other_are_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	char *pages = mem_pages(2 * PAGE);

	/* The second one first: no model of frames has them in a row. */
	map_at(t->iommu, t->ioas, RW, 2 * IOVA, pages + PAGE, PAGE);
	map_at(t->iommu, t->ioas, RW, 2 * IOVA + PAGE, pages, PAGE);
	range_errno(EFAULT, 2 * IOVA, 2 * PAGE);
	range_errno(EFAULT, 2 * IOVA + PAGE - 1, 2);
	unmap(t->iommu, t->ioas, 2 * IOVA, 2 * PAGE);
	check_refs(t->iommu, pages, 2 * PAGE, 0);
}

static void s30_5_row12_indices(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t first;

	hw_errno(EINVAL, .viommu_id = nested.viommu, .type = MOCK_TYPE, .index = MOCK_HW_QUEUES,
		 .nesting_parent_iova = IOVA, .length = PAGE);
	hw_errno(EIO, .viommu_id = nested.viommu, .type = MOCK_TYPE, .index = 1,
		 .nesting_parent_iova = IOVA, .length = PAGE);
	first = new_hw_queue(t, 0);
	range_errno(EEXIST, IOVA, PAGE);
	new_hw_queue(t, 1);
	hw_errno(EEXIST, .viommu_id = nested.viommu, .type = MOCK_TYPE, .index = 1,
		 .nesting_parent_iova = IOVA, .length = PAGE);
	expect_busy(t->iommu, first);
}

static void s30_5_row13_a_failed_copy_out_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hw_queue_alloc *cmd = CMD(iommu_hw_queue_alloc,
						     .viommu_id = nested.viommu, .type = MOCK_TYPE,
						     .nesting_parent_iova = IOVA, .length = PAGE);

	expect_errno(EFAULT, t->iommu, IOMMU_HW_QUEUE_ALLOC, read_only(cmd, sizeof(*cmd)));
	unmap(t->iommu, t->ioas, IOVA, PAGE);
	check_refs(t->iommu, memory, PAGE, 0);
	destroy(t->iommu, nested.viommu);
}

static void s30_5_the_rows_are_tested_in_order(void **state)
{
	struct fixture *t = fixture(state);

	hw_errno(EOPNOTSUPP, .viommu_id = 99, .index = 9);
	hw_errno(EINVAL, .viommu_id = 99, .type = 1, .nesting_parent_iova = 2);
	hw_errno(EOVERFLOW, .viommu_id = 99, .type = 1, .nesting_parent_iova = 2,
		 .length = UINT64_MAX);
	hw_errno(ENOENT, .viommu_id = 99, .type = 1, .length = UINT64_MAX);
	hw_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .type = 1, .length = UINT64_MAX);
	hw_errno(ERANGE, .viommu_id = nested.viommu, .type = MOCK_TYPE, .index = 9,
		 .length = UINT64_MAX);
	hw_errno(ENOENT, .viommu_id = nested.viommu, .type = MOCK_TYPE, .index = 9, .length = PAGE);
	hw_errno(EINVAL, .viommu_id = nested.viommu, .type = MOCK_TYPE, .index = 9,
		 .nesting_parent_iova = IOVA, .length = PAGE);
}

static void s30_5_its_memory_cannot_be_unmapped(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = new_hw_queue(t, 0);

	expect_errno(EBUSY, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = IOVA, .length = PAGE));
	expect_errno(EBUSY, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .length = UINT64_MAX));
	destroy(t->iommu, queue);
	unmap(t->iommu, t->ioas, IOVA, PAGE);
}

static void s10_6_b_areas_below_a_locked_one_are_gone(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t above = IOVA + PAGE;

	map_at(t->iommu, t->ioas, READ, above, memory, PAGE);
	map_at(t->iommu, t->ioas, RW, above + PAGE, mem_pages(PAGE), PAGE);
	expect_ok(t->iommu, IOMMU_HW_QUEUE_ALLOC,
		  CMD(iommu_hw_queue_alloc, .viommu_id = nested.viommu, .type = MOCK_TYPE,
		      .nesting_parent_iova = above, .length = PAGE));
	expect_errno(EBUSY, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = IOVA, .length = 3 * PAGE));
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
	expect_true(is_mapped(t->iommu, t->ioas, above));
	expect_true(is_mapped(t->iommu, t->ioas, above + PAGE));
}

static void s30_5_a_queue_in_a_page_locks_all_of_the_area(void **state)
{
	struct fixture *t = fixture(state);

	expect_ok(t->iommu, IOMMU_HW_QUEUE_ALLOC,
		  CMD(iommu_hw_queue_alloc, .viommu_id = nested.viommu, .type = MOCK_TYPE,
		      .nesting_parent_iova = IOVA + 100, .length = 2));
	expect_errno(EBUSY, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = IOVA, .length = PAGE));
}

static void s30_5_two_queues_on_a_page_lock_it_twice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t first = new_hw_queue(t, 0), second = new_hw_queue(t, 1);

	destroy(t->iommu, second);
	expect_errno(EBUSY, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = IOVA, .length = PAGE));
	destroy(t->iommu, first);
	unmap(t->iommu, t->ioas, IOVA, PAGE);
}

static void s30_5_it_takes_two_ids(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = new_hw_queue(t, 0);

	/* The next one is that of its access, which is nobody's to destroy. */
	expect_busy(t->iommu, queue + 1);
	expect_equal(new_ioas(t->iommu), queue + 2);
	destroy(t->iommu, queue);
	expect_gone(t->iommu, queue + 1);
}

static void s30_5_it_holds_the_viommu_and_the_alignment(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = new_hw_queue(t, 0);
	struct iommu_iova_range range;
	uint64_t alignment;

	expect_busy(t->iommu, nested.viommu);
	iova_ranges(t->iommu, t->ioas, &range, 1, &alignment);
	expect_equal(alignment, PAGE);
	destroy(t->iommu, queue);
	iova_ranges(t->iommu, t->ioas, &range, 1, &alignment);
	expect_equal(alignment, MOCK_PAGE_SIZE);
	destroy(t->iommu, nested.viommu);
}

static void s30_5_a_queue_that_another_needs_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t first = new_hw_queue(t, 0), second = new_hw_queue(t, 1);

	expect_busy(t->iommu, first);
	destroy(t->iommu, second);
	destroy(t->iommu, first);
	new_hw_queue(t, 0);
}

int viommu_hw_queue(void)
{
	const struct CMUnitTest tests[] = {
		CASE(hw, s30_5_row1_flags_and_type_0_are_EOPNOTSUPP),
		CASE(hw, s30_5_row2_no_length_is_EINVAL),
		CASE(hw, s30_5_row3_a_range_that_wraps_is_EOVERFLOW),
		CASE(hw, s30_5_row4_what_is_no_viommu_is_ENOENT),
		CASE(hw, s30_5_row5_another_type_is_EOPNOTSUPP),
		CASE(hw, s30_5_row7_a_length_that_wraps_in_pages_is_ERANGE),
		CASE(hw, s30_5_row8_an_absurd_length_is_ENOMEM),
		CASE(hw, s30_5_row9_areas_that_are_not_aligned_are_EADDRINUSE),
		CASE(hw, s30_5_row10_what_is_not_mapped_is_ENOENT),
		CASE(hw, s30_5_row10_what_is_not_readable_is_EPERM),
		CASE(hw, s30_5_row10_a_dmabuf_is_EINVAL),
		CASE(hw, s30_5_row11_frames_that_do_not_follow_each_other_are_EFAULT),
		CASE(hw, s30_5_row12_indices),
		CASE(hw, s30_5_row13_a_failed_copy_out_undoes_all),
		CASE(hw, s30_5_the_rows_are_tested_in_order),
		CASE(hw, s30_5_its_memory_cannot_be_unmapped),
		CASE(hw, s10_6_b_areas_below_a_locked_one_are_gone),
		CASE(hw, s30_5_a_queue_in_a_page_locks_all_of_the_area),
		CASE(hw, s30_5_two_queues_on_a_page_lock_it_twice),
		CASE(hw, s30_5_it_takes_two_ids),
		CASE(hw, s30_5_it_holds_the_viommu_and_the_alignment),
		CASE(hw, s30_5_a_queue_that_another_needs_is_EBUSY),
	};

	return cmocka_run_group_tests_name("30-faults-viommu 5: HW queues", tests, NULL, NULL);
}
