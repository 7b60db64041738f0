/* SPDX-License-Identifier: MIT */
/* HW queues [HW-QUEUE]. */
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

static void hw_queue_alloc_with_flags_or_type_0_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	hw_errno(EOPNOTSUPP, .flags = 1, .viommu_id = nested.viommu, .type = MOCK_TYPE,
		 .nesting_parent_iova = IOVA, .length = PAGE);
	hw_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .nesting_parent_iova = IOVA,
		 .length = PAGE);
}

static void hw_queue_alloc_of_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	range_errno(EINVAL, IOVA, 0);
}

static void hw_queue_alloc_of_a_range_that_wraps_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);

	range_errno(EOVERFLOW, UINT64_MAX, 2);
	range_errno(EOVERFLOW, 2, UINT64_MAX);
}

static void hw_queue_alloc_on_no_viommu_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, nested.parent, mock.idev};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		hw_errno(ENOENT, .viommu_id = ids[i], .type = MOCK_TYPE,
			 .nesting_parent_iova = IOVA, .length = PAGE);
}

static void hw_queue_alloc_of_another_type_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	hw_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .type = MOCK_TYPE + 1, .index = 9,
		 .nesting_parent_iova = IOVA, .length = PAGE);
	hw_errno(EOPNOTSUPP, .viommu_id = nested.viommu, .type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV,
		 .nesting_parent_iova = IOVA, .length = PAGE);
}

static void hw_queue_alloc_of_a_length_that_wraps_in_pages_is_ERANGE(void **state)
{
	struct fixture *t = fixture(state);

	/* With the offset in the page; rounded up. */
	range_errno(ERANGE, PAGE - 1, -(PAGE - 1));
	range_errno(ERANGE, 0, UINT64_MAX);
	range_errno(ERANGE, 1, UINT64_MAX - 1);
}

static void hw_queue_alloc_of_an_absurd_length_is_ENOMEM(void **state)
{
	struct fixture *t = fixture(state);

	range_errno(ENOMEM, 0, UINT64_C(1) << 62);
	range_errno(ENOMEM, 0, UINT64_C(1) << 40);
}

static void hw_queue_alloc_with_unaligned_areas_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, 2 * IOVA, mem_pages(PAGE), 2048);
	range_errno(EADDRINUSE, IOVA, PAGE);
	unmap(t->iommu, t->ioas, 2 * IOVA, 2048);
	new_hw_queue(t, 0);
}

static void hw_queue_alloc_of_unmapped_memory_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	range_errno(ENOENT, 2 * IOVA, PAGE);
	range_errno(ENOENT, IOVA, 2 * PAGE);
	range_errno(ENOENT, IOVA - 1, PAGE);
	/* Nothing stays pinned. */
	unmap(t->iommu, t->ioas, IOVA, PAGE);
	check_refs(t->iommu, memory, PAGE, 0);
}

static void hw_queue_alloc_of_unreadable_memory_is_EPERM(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, WRITE, 2 * IOVA, mem_pages(PAGE), PAGE);
	range_errno(EPERM, 2 * IOVA, PAGE);
}

static void hw_queue_alloc_of_a_dmabuf_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	int fd = close_later(expect_ok(t->iommu, IOMMU_TEST_CMD,
				       TEST_CMD(DMABUF_GET, 0, .dmabuf_get = {.length = PAGE})));

	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .length = PAGE, .iova = 2 * IOVA));
	range_errno(EINVAL, 2 * IOVA, PAGE);
}

static void hw_queue_alloc_of_scattered_frames_is_EFAULT(void **state)
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

static void hw_queue_alloc_takes_indices_in_order(void **state)
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

static void hw_queue_alloc_with_a_failed_copy_out_undoes_all(void **state)
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

static void hw_queue_alloc_checks_in_order(void **state)
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

static void unmap_of_the_memory_of_a_hw_queue_is_EBUSY(void **state)
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

static void unmap_removes_the_areas_below_a_locked_one(void **state)
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

static void a_hw_queue_in_one_page_locks_the_whole_area(void **state)
{
	struct fixture *t = fixture(state);

	expect_ok(t->iommu, IOMMU_HW_QUEUE_ALLOC,
		  CMD(iommu_hw_queue_alloc, .viommu_id = nested.viommu, .type = MOCK_TYPE,
		      .nesting_parent_iova = IOVA + 100, .length = 2));
	expect_errno(EBUSY, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = IOVA, .length = PAGE));
}

static void two_hw_queues_on_a_page_lock_it_twice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t first = new_hw_queue(t, 0), second = new_hw_queue(t, 1);

	destroy(t->iommu, second);
	expect_errno(EBUSY, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = IOVA, .length = PAGE));
	destroy(t->iommu, first);
	unmap(t->iommu, t->ioas, IOVA, PAGE);
}

static void a_hw_queue_takes_two_ids(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = new_hw_queue(t, 0);

	/* The next one is that of its access, which is nobody's to destroy. */
	expect_busy(t->iommu, queue + 1);
	expect_equal(new_ioas(t->iommu), queue + 2);
	destroy(t->iommu, queue);
	expect_gone(t->iommu, queue + 1);
}

static void a_hw_queue_holds_the_viommu_and_the_alignment(void **state)
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

static void destroy_of_a_hw_queue_that_another_needs_is_EBUSY(void **state)
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
		CASE(hw, hw_queue_alloc_with_flags_or_type_0_is_EOPNOTSUPP, "HW-QUEUE.1"),
		CASE(hw, hw_queue_alloc_of_length_0_is_EINVAL, "HW-QUEUE.2"),
		CASE(hw, hw_queue_alloc_of_a_range_that_wraps_is_EOVERFLOW, "HW-QUEUE.3"),
		CASE(hw, hw_queue_alloc_on_no_viommu_is_ENOENT, "HW-QUEUE.4"),
		CASE(hw, hw_queue_alloc_of_another_type_is_EOPNOTSUPP,
		     "HW-QUEUE.5, TEST-CONSTANTS.8"),
		CASE(hw, hw_queue_alloc_of_a_length_that_wraps_in_pages_is_ERANGE, "HW-QUEUE.7"),
		CASE(hw, hw_queue_alloc_of_an_absurd_length_is_ENOMEM, "HW-QUEUE.8"),
		CASE(hw, hw_queue_alloc_with_unaligned_areas_is_EADDRINUSE, "HW-QUEUE.9"),
		CASE(hw, hw_queue_alloc_of_unmapped_memory_is_ENOENT, "HW-QUEUE.10"),
		CASE(hw, hw_queue_alloc_of_unreadable_memory_is_EPERM, "HW-QUEUE.10"),
		CASE(hw, hw_queue_alloc_of_a_dmabuf_is_EINVAL, "HW-QUEUE.10"),
		CASE(hw, hw_queue_alloc_of_scattered_frames_is_EFAULT, "HW-QUEUE.11"),
		CASE(hw, hw_queue_alloc_takes_indices_in_order, "HW-QUEUE.12, TEST-CONSTANTS.11"),
		CASE(hw, hw_queue_alloc_with_a_failed_copy_out_undoes_all, "HW-QUEUE.13"),
		CASE(hw, hw_queue_alloc_checks_in_order, "HW-QUEUE"),
		CASE(hw, unmap_of_the_memory_of_a_hw_queue_is_EBUSY, "HW-QUEUE, IOAS-UNMAP.6b"),
		CASE(hw, unmap_removes_the_areas_below_a_locked_one, "IOAS-UNMAP.6b"),
		CASE(hw, a_hw_queue_in_one_page_locks_the_whole_area, "HW-QUEUE"),
		CASE(hw, two_hw_queues_on_a_page_lock_it_twice, "HW-QUEUE"),
		CASE(hw, a_hw_queue_takes_two_ids, "HW-QUEUE, OBJECTS.5"),
		CASE(hw, a_hw_queue_holds_the_viommu_and_the_alignment,
		     "HW-QUEUE, OBJECTS.10, IOAS-ALIGNMENT.4"),
		CASE(hw, destroy_of_a_hw_queue_that_another_needs_is_EBUSY, "HW-QUEUE"),
	};

	return cmocka_run_group_tests_name("HW queues", tests, NULL, NULL);
}
