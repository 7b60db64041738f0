/* SPDX-License-Identifier: MIT */
/* IOMMU_HWPT_ALLOC [HWPT-ALLOC]. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "groups.h"
#include "nested.h"

#define alloc_errno(error, ...) \
	expect_errno(error, t->iommu, IOMMU_HWPT_ALLOC, CMD(iommu_hwpt_alloc, __VA_ARGS__))

static const struct iommu_hwpt_selftest selftest = {.iotlb = MOCK_IOTLB_INITIAL};

/* A nested HWPT's data. */
#define DATA                                                                 \
	.data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(selftest), \
	.data_uptr = (uintptr_t)&selftest

/* ---- rows of all targets ---- */

static void hwpt_alloc_with_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	alloc_errno(EOPNOTSUPP, .dev_id = mock.idev, .pt_id = t->ioas, .__reserved = 1);
	expect_ok(t->iommu, IOMMU_HWPT_ALLOC,
		  CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = t->ioas, .__reserved2 = 1));
}

static void hwpt_alloc_wants_type_and_length_of_data_together(void **state)
{
	struct fixture *t = fixture(state);

	alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = t->ioas, .data_len = sizeof(selftest),
		    .data_uptr = (uintptr_t)&selftest);
	alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = t->ioas,
		    .data_type = IOMMU_HWPT_DATA_SELFTEST, .data_uptr = (uintptr_t)&selftest);
	/* Without a length, the address is not looked at. */
	expect_ok(t->iommu, IOMMU_HWPT_ALLOC,
		  CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = t->ioas, .data_uptr = 1));
}

static void hwpt_alloc_for_no_device_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, t->ioas, mock.stdev, mock.hwpt, nested.parent, 99};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		alloc_errno(ENOENT, .dev_id = ids[i], .pt_id = t->ioas);
}

static void hwpt_alloc_on_an_unknown_id_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = 0);
	alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = 99);
}

static void hwpt_alloc_on_another_type_of_object_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_fault_queue(t->iommu);
	const uint32_t ids[] = {mock.stdev, mock.idev, queue.id,
				nested_hwpt(t->iommu, mock.idev, nested.parent, 0)};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = ids[i], DATA);
}

static void hwpt_alloc_checks_in_order(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t flags = 1 << 4;

	alloc_errno(EOPNOTSUPP, .flags = flags, .dev_id = 99, .pt_id = 99, .data_len = 1,
		    .__reserved = 1);
	alloc_errno(EINVAL, .flags = flags, .dev_id = 99, .pt_id = 99, .data_len = 1);
	alloc_errno(ENOENT, .flags = flags, .dev_id = 99, .pt_id = 99);
	alloc_errno(EINVAL, .flags = flags, .dev_id = mock.idev, .pt_id = 99);
	alloc_errno(EOPNOTSUPP, .flags = flags, .dev_id = mock.idev, .pt_id = t->ioas);
}

/* ---- on an IOAS ---- */

static void hwpt_alloc_on_an_ioas_with_unknown_flags_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	for (unsigned int bit = 4; bit < 32; bit++)
		alloc_errno(EOPNOTSUPP, .flags = 1u << bit, .dev_id = mock.idev, .pt_id = t->ioas);
}

static void hwpt_alloc_with_dirty_tracking_needs_a_device_that_has_it(void **state)
{
	struct fixture *t = fixture(state);
	struct mock plain = add_mock(t->iommu, t->ioas, MOCK_DEVICE_NO_DIRTY);

	alloc_errno(EOPNOTSUPP, .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING, .dev_id = plain.idev,
		    .pt_id = t->ioas);
}

static void hwpt_alloc_of_a_nesting_parent_with_a_fault_queue_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	struct queue queue = new_fault_queue(t->iommu);

	alloc_errno(EOPNOTSUPP, .flags = IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_FAULT_ID_VALID,
		    .dev_id = mock.idev, .pt_id = t->ioas, .fault_id = queue.id);
}

static void hwpt_alloc_on_an_ioas_with_data_of_another_driver_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t types[] = {IOMMU_HWPT_DATA_VTD_S1, IOMMU_HWPT_DATA_ARM_SMMUV3,
				  IOMMU_HWPT_DATA_AMD_GUEST, 12345};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		alloc_errno(EOPNOTSUPP, .dev_id = mock.idev, .pt_id = t->ioas,
			    .data_type = types[i], .data_len = sizeof(selftest),
			    .data_uptr = (uintptr_t)&selftest);
}

static void hwpt_alloc_on_an_ioas_with_unaligned_areas_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu);

	map_at(t->iommu, ioas, RW, IOVA, mem_pages(PAGE), 1024);
	alloc_errno(EADDRINUSE, .dev_id = mock.idev, .pt_id = ioas);
	/* Nothing is left of the attempt. */
	unmap(t->iommu, ioas, IOVA, 1024);
	destroy(t->iommu, ioas);
}

static void hwpt_alloc_with_areas_outside_the_aperture_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range allowed = {IOVA, MOCK_APERTURE_LAST + 1};
	uint32_t areas = new_ioas(t->iommu), ranges = new_ioas(t->iommu);

	map_at(t->iommu, areas, RW, MOCK_APERTURE_START - PAGE, mem_pages(2 * PAGE), 2 * PAGE);
	alloc_errno(EADDRINUSE, .dev_id = mock.idev, .pt_id = areas);
	allow(t->iommu, ranges, &allowed, 1);
	alloc_errno(EADDRINUSE, .dev_id = mock.idev, .pt_id = ranges);
	destroy(t->iommu, areas);
	destroy(t->iommu, ranges);
}

static void hwpt_alloc_with_areas_that_cannot_be_pinned_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu);
	char *memory = mem_pages(2 * PAGE);
	struct iommu_iova_range range;

	map_at(t->iommu, ioas, RW, IOVA, memory, PAGE);
	map_at(t->iommu, ioas, RW, IOVA + PAGE, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	map_at(t->iommu, ioas, RW, IOVA + 2 * PAGE, memory + PAGE, PAGE);
	alloc_errno(EFAULT, .dev_id = mock.idev, .pt_id = ioas);
	check_refs(t->iommu, memory, 2 * PAGE, 0);
	expect_equal(iova_ranges(t->iommu, ioas, &range, 1, NULL), 1);
	expect_equal(range.last, UINT64_MAX);
	destroy(t->iommu, ioas);
}

static void a_new_hwpt_holds_what_is_mapped(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu), hwpt;
	char *memory = mem_pages(4 * PAGE);

	map_at(t->iommu, ioas, RW, IOVA, memory, 2 * PAGE);
	map_at(t->iommu, ioas, READ, 2 * IOVA, memory + 2 * PAGE, PAGE);
	check_refs(t->iommu, memory, 4 * PAGE, 0);
	hwpt = new_hwpt(t->iommu, mock.idev, ioas, 0);
	check_map(t->iommu, hwpt, IOVA, memory, 2 * PAGE);
	check_map(t->iommu, hwpt, 2 * IOVA, memory + 2 * PAGE, PAGE);
	check_refs(t->iommu, memory, 3 * PAGE, 1);
	map_at(t->iommu, ioas, RW, 3 * IOVA, memory + 3 * PAGE, PAGE);
	check_map(t->iommu, hwpt, 3 * IOVA, memory + 3 * PAGE, PAGE);
	expect_busy(t->iommu, ioas);
	destroy(t->iommu, hwpt);
	check_refs(t->iommu, memory, 4 * PAGE, 0);
	destroy(t->iommu, ioas);
}

static void a_new_hwpt_reserves_what_it_cannot_reach(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu);
	uint32_t hwpt = new_hwpt(t->iommu, mock.idev, ioas, 0);
	struct iommu_iova_range ranges[2];
	uint64_t alignment;

	expect_equal(iova_ranges(t->iommu, ioas, ranges, 2, &alignment), 1);
	expect_equal(ranges[0].start, MOCK_APERTURE_START);
	expect_equal(ranges[0].last, MOCK_APERTURE_LAST);
	expect_equal(alignment, MOCK_PAGE_SIZE);
	destroy(t->iommu, hwpt);
	expect_equal(iova_ranges(t->iommu, ioas, ranges, 2, &alignment), 1);
	expect_equal(ranges[0].last, UINT64_MAX);
	expect_equal(alignment, 1);
}

static void hwpt_alloc_takes_a_structure_of_24_bytes(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_alloc cmd = {
		.size = offsetof(struct iommu_hwpt_alloc, data_type),
		.dev_id = mock.idev,
		.pt_id = t->ioas,
		/* Not part of it. */
		.data_type = 99,
		.data_len = 99,
	};

	expect_ok(t->iommu, IOMMU_HWPT_ALLOC, &cmd);
	destroy(t->iommu, cmd.out_hwpt_id);
	cmd.size--;
	expect_errno(EINVAL, t->iommu, IOMMU_HWPT_ALLOC, &cmd);
}

/* ---- on a nesting parent ---- */

static void nested_hwpts_with_other_flags_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	alloc_errno(EOPNOTSUPP, .flags = IOMMU_HWPT_ALLOC_NEST_PARENT, .dev_id = mock.idev,
		    .pt_id = nested.parent, DATA);
	alloc_errno(EOPNOTSUPP, .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING, .dev_id = mock.idev,
		    .pt_id = nested.parent, DATA);
	alloc_errno(EOPNOTSUPP, .flags = 1 << 4, .dev_id = mock.idev, .pt_id = nested.parent, DATA);
	nested_hwpt(t->iommu, mock.idev, nested.parent, IOMMU_HWPT_ALLOC_PASID);
}

static void nested_hwpts_without_data_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	alloc_errno(EOPNOTSUPP, .dev_id = mock.idev, .pt_id = nested.parent);
	/* Whatever the parent. */
	alloc_errno(EOPNOTSUPP, .dev_id = mock.idev, .pt_id = mock.hwpt);
}

static void nested_hwpts_on_no_nesting_parent_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = mock.hwpt, DATA);
	alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = new_hwpt(t->iommu, mock.idev, t->ioas, 0),
		    DATA);
}

static void nested_hwpts_on_a_parent_of_another_driver_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = other_iommu(t), ioas = new_ioas(t->iommu);
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
		.dev_id = other,
		.pt_id = ioas,
	};

	if (do_ioctl(t->iommu, IOMMU_HWPT_ALLOC, &cmd) == -EOPNOTSUPP)
		skip_test("the other IOMMU has no nested translation");
	alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = cmd.out_hwpt_id, DATA);
}

static void nested_hwpts_check_their_data(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_selftest data[2] = {{.iotlb = 5}};
	const uint64_t uptr = (uintptr_t)data;
	const uint32_t type = IOMMU_HWPT_DATA_SELFTEST, dev = mock.idev, parent = nested.parent;

	alloc_errno(EOPNOTSUPP, .dev_id = dev, .pt_id = parent, .data_type = IOMMU_HWPT_DATA_VTD_S1,
		    .data_len = sizeof(*data), .data_uptr = uptr);
	alloc_errno(EINVAL, .dev_id = dev, .pt_id = parent, .data_type = type, .data_len = 3,
		    .data_uptr = uptr);
	/* Too long, although what follows is zero. */
	alloc_errno(EINVAL, .dev_id = dev, .pt_id = parent, .data_type = type,
		    .data_len = sizeof(*data) + 1, .data_uptr = uptr);
	alloc_errno(EFAULT, .dev_id = dev, .pt_id = parent, .data_type = type,
		    .data_len = sizeof(*data), .data_uptr = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE));
	expect_ok(t->iommu, IOMMU_HWPT_ALLOC,
		  CMD(iommu_hwpt_alloc, .dev_id = dev, .pt_id = parent, .data_type = type,
		      .data_len = 4, .data_uptr = uptr));
}

static void a_nested_hwpt_holds_its_parent(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);

	expect_busy(t->iommu, nested.parent);
	destroy(t->iommu, hwpt);
	destroy(t->iommu, nested.parent);
}

static void a_nested_hwpt_changes_nothing_of_the_ioas(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range before[2], after[2];
	char *memory = mem_pages(PAGE);

	iova_ranges(t->iommu, t->ioas, before, 2, NULL);
	nested_hwpt(t->iommu, mock.idev, nested.parent, 0);
	expect_equal(iova_ranges(t->iommu, t->ioas, after, 2, NULL), 1);
	expect_true(!memcmp(&before[0], &after[0], sizeof(before[0])));
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	check_refs(t->iommu, memory, PAGE, 1);
}

static void a_nested_hwpt_is_no_paging_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);
	uint64_t bits = 0;

	expect_errno(ENOENT, t->iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		     CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = hwpt));
	expect_errno(ENOENT, t->iommu, IOMMU_HWPT_GET_DIRTY_BITMAP,
		     CMD(iommu_hwpt_get_dirty_bitmap, .hwpt_id = hwpt, .iova = IOVA, .length = PAGE,
			 .page_size = PAGE, .data = (uintptr_t)&bits));
	test_errno(ENOENT, t->iommu, MD_CHECK_MAP, hwpt);
}

/* ---- on a vIOMMU ---- */

static void nested_hwpts_on_the_viommu_of_another_iommu_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = other_iommu(t);

	alloc_errno(EINVAL, .dev_id = other, .pt_id = nested.viommu, DATA);
	/* Before the flags are looked at. */
	alloc_errno(EINVAL, .flags = 1 << 4, .dev_id = other, .pt_id = nested.viommu);
}

static void nested_hwpts_on_a_viommu_with_other_flags_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	alloc_errno(EOPNOTSUPP, .flags = IOMMU_HWPT_ALLOC_NEST_PARENT, .dev_id = mock.idev,
		    .pt_id = nested.viommu, DATA);
	alloc_errno(EOPNOTSUPP, .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING, .dev_id = mock.idev,
		    .pt_id = nested.viommu, DATA);
	nested_hwpt(t->iommu, mock.idev, nested.viommu, IOMMU_HWPT_ALLOC_PASID);
}

static void nested_hwpts_on_a_viommu_without_data_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	alloc_errno(EOPNOTSUPP, .dev_id = mock.idev, .pt_id = nested.viommu);
}

static void nested_hwpts_on_a_viommu_check_their_data(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t uptr = (uintptr_t)&selftest;

	alloc_errno(EOPNOTSUPP, .dev_id = mock.idev, .pt_id = nested.viommu,
		    .data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, .data_len = 8, .data_uptr = uptr);
	alloc_errno(EINVAL, .dev_id = mock.idev, .pt_id = nested.viommu,
		    .data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = 2, .data_uptr = uptr);
	alloc_errno(EFAULT, .dev_id = mock.idev, .pt_id = nested.viommu,
		    .data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = 8);
}

static void a_nested_hwpt_on_a_viommu_holds_the_viommu(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, mock.idev, nested.viommu, 0);

	expect_busy(t->iommu, nested.viommu);
	destroy(t->iommu, hwpt);
	/* The parent is held by the vIOMMU only. */
	expect_busy(t->iommu, nested.parent);
	destroy(t->iommu, nested.viommu);
	destroy(t->iommu, nested.parent);
}

/* ---- the last rows ---- */

static void hwpt_alloc_with_no_fault_queue_as_fault_id_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.hwpt};
	uint32_t free_id = new_ioas(t->iommu);

	destroy(t->iommu, free_id);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		alloc_errno(ENOENT, .flags = IOMMU_HWPT_FAULT_ID_VALID, .dev_id = mock.idev,
			    .pt_id = t->ioas, .fault_id = ids[i]);
		alloc_errno(ENOENT, .flags = IOMMU_HWPT_FAULT_ID_VALID, .dev_id = mock.idev,
			    .pt_id = nested.parent, .fault_id = ids[i], DATA);
	}
	expect_equal(new_ioas(t->iommu), free_id);
	destroy(t->iommu, nested.parent);
	/* Without the flag it does not count. */
	expect_ok(t->iommu, IOMMU_HWPT_ALLOC,
		  CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = t->ioas, .fault_id = 99));
}

static void hwpt_alloc_with_a_failed_copy_out_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu);
	const struct iommu_hwpt_alloc *paging =
		CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = ioas);
	const struct iommu_hwpt_alloc *on_parent =
		CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = nested.parent, DATA);

	expect_errno(EFAULT, t->iommu, IOMMU_HWPT_ALLOC, read_only(paging, sizeof(*paging)));
	destroy(t->iommu, ioas);
	expect_errno(EFAULT, t->iommu, IOMMU_HWPT_ALLOC, read_only(on_parent, sizeof(*on_parent)));
	destroy(t->iommu, nested.parent);
}

static void a_hwpt_holds_its_fault_queue(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};
	uint32_t one, two;

	expect_ok(t->iommu, IOMMU_FAULT_QUEUE_ALLOC, &queue);
	one = faulting_hwpt(t->iommu, mock.idev, t->ioas, 0, queue.out_fault_id);
	two = faulting_hwpt(t->iommu, mock.idev, nested.parent, 0, queue.out_fault_id);
	close((int)queue.out_fault_fd);
	expect_busy(t->iommu, queue.out_fault_id);
	destroy(t->iommu, one);
	expect_busy(t->iommu, queue.out_fault_id);
	destroy(t->iommu, two);
	destroy(t->iommu, queue.out_fault_id);
}

int hwpt_alloc(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mock, hwpt_alloc_with_reserved_is_EOPNOTSUPP, "HWPT-ALLOC.1"),
		CASE(mock, hwpt_alloc_wants_type_and_length_of_data_together, "HWPT-ALLOC.2"),
		CASE(nested, hwpt_alloc_for_no_device_is_ENOENT, "HWPT-ALLOC.3"),
		CASE(mock, hwpt_alloc_on_an_unknown_id_is_EINVAL, "HWPT-ALLOC.4"),
		CASE(nested, hwpt_alloc_on_another_type_of_object_is_EINVAL, "HWPT-ALLOC.5"),
		CASE(mock, hwpt_alloc_checks_in_order, "HWPT-ALLOC"),
		CASE(mock, hwpt_alloc_on_an_ioas_with_unknown_flags_is_EOPNOTSUPP,
		     "HWPT-ALLOC-IOAS.5"),
		CASE(mock, hwpt_alloc_with_dirty_tracking_needs_a_device_that_has_it,
		     "HWPT-ALLOC-IOAS.5, DEVICE.6"),
		CASE(mock, hwpt_alloc_of_a_nesting_parent_with_a_fault_queue_is_EOPNOTSUPP,
		     "HWPT-ALLOC-IOAS.5"),
		CASE(mock, hwpt_alloc_on_an_ioas_with_data_of_another_driver_is_EOPNOTSUPP,
		     "HWPT-ALLOC-IOAS.6"),
		CASE(mock, hwpt_alloc_on_an_ioas_with_unaligned_areas_is_EADDRINUSE,
		     "HWPT-ALLOC-IOAS.8"),
		CASE(mock, hwpt_alloc_with_areas_outside_the_aperture_is_EADDRINUSE,
		     "HWPT-ALLOC-IOAS.8"),
		CASE(mock, hwpt_alloc_with_areas_that_cannot_be_pinned_undoes_all,
		     "HWPT-ALLOC-IOAS.9"),
		CASE(mock, a_new_hwpt_holds_what_is_mapped, "HWPT-ALLOC, OBJECTS.2"),
		CASE(mock, a_new_hwpt_reserves_what_it_cannot_reach, "HWPT-ALLOC"),
		CASE(mock, hwpt_alloc_takes_a_structure_of_24_bytes, "HWPT-ALLOC"),
		CASE(nested, nested_hwpts_with_other_flags_are_EOPNOTSUPP, "HWPT-ALLOC-PARENT.5"),
		CASE(nested, nested_hwpts_without_data_are_EOPNOTSUPP, "HWPT-ALLOC-PARENT.5"),
		CASE(nested, nested_hwpts_on_no_nesting_parent_are_EINVAL, "HWPT-ALLOC-PARENT.6"),
		CASE(nested, nested_hwpts_on_a_parent_of_another_driver_are_EINVAL,
		     "HWPT-ALLOC-PARENT.6"),
		CASE(nested, nested_hwpts_check_their_data, "HWPT-ALLOC-PARENT.7"),
		CASE(nested, a_nested_hwpt_holds_its_parent, "HWPT-ALLOC, OBJECTS.3"),
		CASE(nested, a_nested_hwpt_changes_nothing_of_the_ioas, "NESTED-DATA"),
		CASE(nested, a_nested_hwpt_is_no_paging_hwpt, "NESTED-DATA"),
		CASE(viommu, nested_hwpts_on_the_viommu_of_another_iommu_are_EINVAL,
		     "HWPT-ALLOC-VIOMMU.5, DEVICE.1"),
		CASE(viommu, nested_hwpts_on_a_viommu_with_other_flags_are_EOPNOTSUPP,
		     "HWPT-ALLOC-VIOMMU.6"),
		CASE(viommu, nested_hwpts_on_a_viommu_without_data_are_EOPNOTSUPP,
		     "HWPT-ALLOC-VIOMMU.6"),
		CASE(viommu, nested_hwpts_on_a_viommu_check_their_data, "HWPT-ALLOC-VIOMMU.7"),
		CASE(viommu, a_nested_hwpt_on_a_viommu_holds_the_viommu, "HWPT-ALLOC, OBJECTS.3"),
		CASE(nested, hwpt_alloc_with_no_fault_queue_as_fault_id_is_ENOENT, "HWPT-ALLOC.6"),
		CASE(nested, hwpt_alloc_with_a_failed_copy_out_undoes_all, "HWPT-ALLOC.7"),
		CASE(nested, a_hwpt_holds_its_fault_queue, "HWPT-ALLOC"),
	};

	return cmocka_run_group_tests_name("HWPT_ALLOC", tests, NULL, NULL);
}
