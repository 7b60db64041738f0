/* SPDX-License-Identifier: MIT */
/*
 * What commands that need a device write back [WRITE-BACK]; the others are in
 * model_write_back.c.
 */
#include <errno.h>
#include <string.h>

#include "groups.h"
#include "nested.h"

/* @cmd fails with @error, and has not been written: it cannot be. */
#define expect_unwritten(error, number, ...) \
	expect_errno(error, t->iommu, number, read_only(__VA_ARGS__, sizeof(*(__VA_ARGS__))))

/* @cmd succeeds, and has not been written. */
#define expect_silent(number, ...) \
	expect_ok(t->iommu, number, read_only(__VA_ARGS__, sizeof(*(__VA_ARGS__))))

static void failed_allocations_write_nothing(void **state)
{
	struct fixture *t = fixture(state);

	expect_unwritten(ENOENT, IOMMU_HWPT_ALLOC,
			 CMD(iommu_hwpt_alloc, .dev_id = 99, .pt_id = t->ioas));
	expect_unwritten(EOPNOTSUPP, IOMMU_FAULT_QUEUE_ALLOC, CMD(iommu_fault_alloc, .flags = 1));
	expect_unwritten(ENOENT, IOMMU_VIOMMU_ALLOC,
			 CMD(iommu_viommu_alloc, .type = IOMMU_VIOMMU_TYPE_SELFTEST, .dev_id = 99));
	expect_unwritten(ENOENT, IOMMU_VDEVICE_ALLOC,
			 CMD(iommu_vdevice_alloc, .viommu_id = 99, .dev_id = mock.idev));
	expect_unwritten(EINVAL, IOMMU_VEVENTQ_ALLOC,
			 CMD(iommu_veventq_alloc, .viommu_id = nested.viommu, .type = 1));
	expect_unwritten(EINVAL, IOMMU_HW_QUEUE_ALLOC,
			 CMD(iommu_hw_queue_alloc, .viommu_id = nested.viommu, .type = 1));
}

static void allocations_write_the_whole_structure(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt),
		.dev_id = mock.idev,
		.pt_id = t->ioas,
		.__reserved2 = 0x1234,
	};
	const struct iommu_hwpt_alloc before = hwpt;

	expect_ok(t->iommu, IOMMU_HWPT_ALLOC, &hwpt);
	expect_true(hwpt.out_hwpt_id != 0);
	hwpt.out_hwpt_id = 0;
	expect_true(!memcmp(&hwpt, &before, sizeof(hwpt)));
	/* A part that cannot be written fails, though it would hold what was read there. */
	expect_errno(EFAULT, t->iommu, IOMMU_HWPT_ALLOC,
		     at_border(&before, sizeof(before),
			       offsetof(struct iommu_hwpt_alloc, data_type), MEM_RW, MEM_RO));
}

static void a_failed_hw_info_leaves_the_structure(void **state)
{
	struct fixture *t = fixture(state);
	char info[64] = "unchanged";

	expect_unwritten(EOPNOTSUPP, IOMMU_GET_HW_INFO,
			 CMD(iommu_hw_info, .flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
			     .dev_id = mock.idev, .in_data_type = 77, .data_len = sizeof(info),
			     .data_uptr = (uintptr_t)info));
	expect_true(!strcmp(info, "unchanged"));
}

static void invalidation_always_writes_the_count(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_invalidate cmd = {.size = sizeof(cmd), .hwpt_id = 99, .entry_num = 0};

	/* Even what fails before the object is known. */
	expect_errno(ENOENT, t->iommu, IOMMU_HWPT_INVALIDATE, &cmd);
	cmd.entry_num = 5;
	expect_errno(EINVAL, t->iommu, IOMMU_HWPT_INVALIDATE, &cmd);
	expect_equal(cmd.entry_num, 0);
	cmd.entry_num = 5;
	cmd.__reserved = 1;
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_INVALIDATE, &cmd);
	expect_equal(cmd.entry_num, 0);
	/* What cannot be written takes the place of the first error. */
	expect_unwritten(EFAULT, IOMMU_HWPT_INVALIDATE, &cmd);
}

static void dirty_tracking_and_destroy_write_nothing(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	uint64_t bits = 0;

	expect_silent(IOMMU_HWPT_SET_DIRTY_TRACKING,
		      CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = hwpt,
			  .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	expect_silent(IOMMU_HWPT_GET_DIRTY_BITMAP,
		      CMD(iommu_hwpt_get_dirty_bitmap, .hwpt_id = hwpt, .iova = IOVA,
			  .length = PAGE, .page_size = PAGE, .data = (uintptr_t)&bits));
	expect_silent(IOMMU_DESTROY, CMD(iommu_destroy, .id = hwpt));
}

int nested_write_back(void)
{
	const struct CMUnitTest tests[] = {
		CASE(viommu, failed_allocations_write_nothing, "WRITE-BACK.1"),
		CASE(mock, allocations_write_the_whole_structure, "WRITE-BACK.1"),
		CASE(mock, a_failed_hw_info_leaves_the_structure, "WRITE-BACK.7"),
		CASE(mock, invalidation_always_writes_the_count, "WRITE-BACK.8"),
		CASE(mock, dirty_tracking_and_destroy_write_nothing, "WRITE-BACK.9"),
	};

	return cmocka_run_group_tests_name("write back of the commands of devices", tests, NULL,
					   NULL);
}
