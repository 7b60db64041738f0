/* SPDX-License-Identifier: MIT */
/* 30-faults-viommu, 2 and 3: vIOMMUs and vDEVICEs. */
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "groups.h"
#include "nested.h"

#define MOCK_TYPE IOMMU_VIOMMU_TYPE_SELFTEST

#define viommu_errno(error, ...) \
	expect_errno(error, t->iommu, IOMMU_VIOMMU_ALLOC, CMD(iommu_viommu_alloc, __VA_ARGS__))
#define vdevice_errno(error, ...) \
	expect_errno(error, t->iommu, IOMMU_VDEVICE_ALLOC, CMD(iommu_vdevice_alloc, __VA_ARGS__))

/* ---- 2: VIOMMU_ALLOC ---- */

static void s30_2_row1_flags_and_type_0_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	viommu_errno(EOPNOTSUPP, .flags = 1, .type = MOCK_TYPE, .dev_id = mock.idev,
		     .hwpt_id = nested.parent);
	viommu_errno(EOPNOTSUPP, .dev_id = mock.idev, .hwpt_id = nested.parent);
	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC,
		  CMD(iommu_viommu_alloc, .type = MOCK_TYPE, .dev_id = mock.idev,
		      .hwpt_id = nested.parent, .__reserved = 1));
}

static void s30_2_row2_what_is_no_device_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.stdev, nested.parent};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		viommu_errno(ENOENT, .type = MOCK_TYPE, .dev_id = ids[i], .hwpt_id = nested.parent);
}

static void s30_2_row3_a_type_that_the_iommu_does_not_have_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t types[] = {IOMMU_VIOMMU_TYPE_ARM_SMMUV3, IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV,
				  12345};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		viommu_errno(EOPNOTSUPP, .type = types[i], .dev_id = mock.idev, .hwpt_id = 99);
	viommu_errno(EOPNOTSUPP, .type = MOCK_TYPE, .dev_id = other_iommu(t), .hwpt_id = 99);
}

static void s30_2_row4_what_is_no_paging_table_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.idev,
				nested_hwpt(t->iommu, mock.idev, nested.parent, 0)};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		viommu_errno(ENOENT, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = ids[i]);
}

static void s30_2_row5_a_table_that_is_no_nesting_parent_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	viommu_errno(EINVAL, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = mock.hwpt);
	viommu_errno(EINVAL, .type = MOCK_TYPE, .dev_id = mock.idev,
		     .hwpt_id = new_hwpt(t->iommu, mock.idev, t->ioas, 0));
}

#define with_data(error, length, address)                                                     \
	viommu_errno(error, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = nested.parent, \
		     .data_len = length, .data_uptr = (uintptr_t)(address))

static void s30_2_row7_data_has_8_to_24_bytes(void **state)
{
	struct fixture *t = fixture(state);
	char data[32] = {0};

	with_data(EINVAL, 1, data);
	with_data(EINVAL, 7, data);
	with_data(EINVAL, 25, data);
	with_data(EINVAL, 32, data);
	with_data(EFAULT, 24, mem_of_kind(PAGE, MEM_HOLE));
	/* What comes out is written there, too. */
	with_data(EFAULT, 24, read_only(data, 24));
	destroy(t->iommu, nested.parent);
}

static void s30_2_row7_of_data_only_the_given_length_is_written(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_viommu_selftest data = {.in_data = 0x1234, .out_mmap_length = 77};

	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC,
		  CMD(iommu_viommu_alloc, .type = MOCK_TYPE, .dev_id = mock.idev,
		      .hwpt_id = nested.parent, .data_len = 16, .data_uptr = (uintptr_t)&data));
	expect_equal(data.out_data, 0x1234);
	expect_equal(data.out_mmap_offset, PAGE);
	expect_equal(data.out_mmap_length, 77);
}

static void s30_2_row8_a_failed_copy_out_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_viommu_selftest data = {.in_data = 1};
	const struct iommu_viommu_alloc *cmd = CMD(
		iommu_viommu_alloc, .type = MOCK_TYPE, .dev_id = mock.idev,
		.hwpt_id = nested.parent, .data_len = sizeof(data), .data_uptr = (uintptr_t)&data);

	expect_errno(EFAULT, t->iommu, IOMMU_VIOMMU_ALLOC, read_only(cmd, sizeof(*cmd)));
	/* Its region as well. */
	expect_equal(new_region(t->iommu, mock.idev, nested.parent, 2).offset, PAGE);
}

static void s30_2_the_rows_are_tested_in_order(void **state)
{
	struct fixture *t = fixture(state);

	viommu_errno(EOPNOTSUPP, .dev_id = 99, .hwpt_id = 99);
	viommu_errno(ENOENT, .type = 1, .dev_id = 99, .hwpt_id = 99);
	viommu_errno(EOPNOTSUPP, .type = 1, .dev_id = mock.idev, .hwpt_id = 99);
	viommu_errno(ENOENT, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = 99, .data_len = 1);
	viommu_errno(EINVAL, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = mock.hwpt,
		     .data_len = 24);
	viommu_errno(EFAULT, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = nested.parent,
		     .data_len = 24);
}

static void s30_2_the_first_24_bytes_are_enough(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_viommu_alloc cmd = {
		.size = offsetof(struct iommu_viommu_alloc, data_len),
		.type = MOCK_TYPE,
		.dev_id = mock.idev,
		.hwpt_id = nested.parent,
		.data_len = 99,
	};

	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC, &cmd);
	destroy(t->iommu, cmd.out_viommu_id);
	cmd.size--;
	expect_errno(EINVAL, t->iommu, IOMMU_VIOMMU_ALLOC, &cmd);
}

static void s30_2_viommus_share_and_hold_a_parent(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t one = new_viommu(t->iommu, mock.idev, nested.parent, MOCK_TYPE);
	uint32_t two = new_viommu(t->iommu, mock.idev, nested.parent, MOCK_TYPE);

	expect_true(one != two);
	expect_busy(t->iommu, nested.parent);
	destroy(t->iommu, one);
	expect_busy(t->iommu, nested.parent);
	destroy(t->iommu, two);
	destroy(t->iommu, nested.parent);
}

static void s30_2_a_viommu_does_not_need_its_device_any_more(void **state)
{
	struct fixture *t = fixture(state);
	struct mock other = add_mock(t->iommu, t->ioas, 0);
	uint32_t viommu = new_viommu(t->iommu, other.idev, nested.parent, MOCK_TYPE);

	destroy(t->iommu, other.stdev);
	new_vdevice(t->iommu, viommu, mock.idev, 1);
	nested_hwpt(t->iommu, mock.idev, viommu, 0);
}

/* ---- 3: VDEVICE_ALLOC ---- */

static void s30_3_row1_what_is_no_viommu_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, nested.parent, mock.idev};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		vdevice_errno(ENOENT, .viommu_id = ids[i], .dev_id = mock.idev);
}

static void s30_3_row2_what_is_no_device_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.stdev, nested.viommu};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		vdevice_errno(ENOENT, .viommu_id = nested.viommu, .dev_id = ids[i]);
}

static void s30_3_row3_a_device_behind_another_iommu_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	vdevice_errno(EINVAL, .viommu_id = nested.viommu, .dev_id = other_iommu(t));
}

static void s30_3_row5_a_device_has_one_vdevice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_viommu(t->iommu, mock.idev, nested.parent, MOCK_TYPE);

	new_vdevice(t->iommu, nested.viommu, mock.idev, 1);
	vdevice_errno(EEXIST, .viommu_id = nested.viommu, .dev_id = mock.idev, .virt_id = 2);
	vdevice_errno(EEXIST, .viommu_id = other, .dev_id = mock.idev, .virt_id = 2);
}

static void s30_3_row7_a_virtual_id_is_unique_in_its_viommu(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_viommu(t->iommu, mock.idev, nested.parent, MOCK_TYPE);
	struct mock two = add_mock(t->iommu, t->ioas, 0);
	uint32_t free_id;

	new_vdevice(t->iommu, nested.viommu, mock.idev, 1);
	free_id = new_ioas(t->iommu);
	destroy(t->iommu, free_id);
	vdevice_errno(EEXIST, .viommu_id = nested.viommu, .dev_id = two.idev, .virt_id = 1);
	expect_equal(new_vdevice(t->iommu, other, two.idev, 1), free_id);
}

static void s30_3_row9_a_failed_copy_out_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_vdevice_alloc *cmd = CMD(iommu_vdevice_alloc, .viommu_id = nested.viommu,
						    .dev_id = mock.idev, .virt_id = 1);

	expect_errno(EFAULT, t->iommu, IOMMU_VDEVICE_ALLOC, read_only(cmd, sizeof(*cmd)));
	destroy(t->iommu, new_vdevice(t->iommu, nested.viommu, mock.idev, 1));
	destroy(t->iommu, nested.viommu);
}

static void s30_3_any_virtual_id_will_do(void **state)
{
	struct fixture *t = fixture(state);
	struct mock two = add_mock(t->iommu, t->ioas, 0), three = add_mock(t->iommu, t->ioas, 0);

	new_vdevice(t->iommu, nested.viommu, mock.idev, 0);
	new_vdevice(t->iommu, nested.viommu, two.idev, UINT64_MAX);
	/* All 64 bits count. */
	new_vdevice(t->iommu, nested.viommu, three.idev, UINT64_C(1) << 32);
}

static void s30_3_a_vdevice_holds_its_viommu(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, mock.idev, 1);

	expect_busy(t->iommu, nested.viommu);
	destroy(t->iommu, vdevice);
	expect_gone(t->iommu, vdevice);
	destroy(t->iommu, nested.viommu);
}

static void s30_3_destroying_it_allows_a_new_one(void **state)
{
	struct fixture *t = fixture(state);
	struct mock two = add_mock(t->iommu, t->ioas, 0);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, mock.idev, 1);

	destroy(t->iommu, vdevice);
	/* The number, the device and the virtual ID are free. */
	expect_equal(new_vdevice(t->iommu, nested.viommu, two.idev, 1), vdevice);
	new_vdevice(t->iommu, nested.viommu, mock.idev, 2);
}

static void s30_3_unbinding_the_device_leaves_a_tombstone(void **state)
{
	struct fixture *t = fixture(state);
	struct mock two = add_mock(t->iommu, t->ioas, 0);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, two.idev, 1), ids[8];

	destroy(t->iommu, two.stdev);
	expect_gone(t->iommu, vdevice);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		ids[i] = new_ioas(t->iommu);
		expect_true(ids[i] != vdevice);
	}
	/* The virtual ID and the vIOMMU are free. */
	destroy(t->iommu, new_vdevice(t->iommu, nested.viommu, mock.idev, 1));
	destroy(t->iommu, nested.viommu);
}

static void s30_3_destroyed_first_it_leaves_no_tombstone(void **state)
{
	struct fixture *t = fixture(state);
	struct mock two = add_mock(t->iommu, t->ioas, 0);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, two.idev, 1), id = 0;

	destroy(t->iommu, vdevice);
	destroy(t->iommu, two.stdev);
	while (id < vdevice)
		id = new_ioas(t->iommu);
	expect_equal(id, vdevice);
}

static void s30_3_a_tombstone_counts_for_the_limits_mode(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_SET,
		.val64 = 1,
	};

	if (do_ioctl(t->iommu, IOMMU_OPTION, &cmd) == -EPERM)
		skip_test("needs CAP_SYS_RESOURCE");
	new_vdevice(t->iommu, nested.viommu, mock.idev, 1);
	destroy(t->iommu, mock.stdev);
	destroy(t->iommu, nested.viommu);
	destroy(t->iommu, nested.parent);
	destroy(t->iommu, t->ioas);
	expect_errno(EBUSY, t->iommu, IOMMU_OPTION, &cmd);
}

static void s30_3_closing_a_context_with_all_of_it(void **state)
{
	struct fixture *t = fixture(state);
	struct mock two = add_mock(t->iommu, t->ioas, 0);
	char *memory = mem_pages(PAGE);
	int other = open_context();

	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	new_vdevice(t->iommu, nested.viommu, mock.idev, 1);
	move_mock(t->iommu, mock.stdev, nested_hwpt(t->iommu, mock.idev, nested.viommu, 0));
	new_vdevice(t->iommu, nested.viommu, two.idev, 2);
	check_refs(other, memory, PAGE, 1);
	close(t->iommu);
	check_refs(other, memory, PAGE, 0);
}

int viommu_alloc(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nested, s30_2_row1_flags_and_type_0_are_EOPNOTSUPP),
		CASE(nested, s30_2_row2_what_is_no_device_is_ENOENT),
		CASE(nested, s30_2_row3_a_type_that_the_iommu_does_not_have_is_EOPNOTSUPP),
		CASE(nested, s30_2_row4_what_is_no_paging_table_is_ENOENT),
		CASE(nested, s30_2_row5_a_table_that_is_no_nesting_parent_is_EINVAL),
		CASE(nested, s30_2_row7_data_has_8_to_24_bytes),
		CASE(nested, s30_2_row7_of_data_only_the_given_length_is_written),
		CASE(nested, s30_2_row8_a_failed_copy_out_undoes_all),
		CASE(nested, s30_2_the_rows_are_tested_in_order),
		CASE(nested, s30_2_the_first_24_bytes_are_enough),
		CASE(nested, s30_2_viommus_share_and_hold_a_parent),
		CASE(nested, s30_2_a_viommu_does_not_need_its_device_any_more),
		CASE(viommu, s30_3_row1_what_is_no_viommu_is_ENOENT),
		CASE(viommu, s30_3_row2_what_is_no_device_is_ENOENT),
		CASE(viommu, s30_3_row3_a_device_behind_another_iommu_is_EINVAL),
		CASE(viommu, s30_3_row5_a_device_has_one_vdevice),
		CASE(viommu, s30_3_row7_a_virtual_id_is_unique_in_its_viommu),
		CASE(viommu, s30_3_row9_a_failed_copy_out_undoes_all),
		CASE(viommu, s30_3_any_virtual_id_will_do),
		CASE(viommu, s30_3_a_vdevice_holds_its_viommu),
		CASE(viommu, s30_3_destroying_it_allows_a_new_one),
		CASE(viommu, s30_3_unbinding_the_device_leaves_a_tombstone),
		CASE(viommu, s30_3_destroyed_first_it_leaves_no_tombstone),
		CASE(viommu, s30_3_a_tombstone_counts_for_the_limits_mode),
		CASE(viommu, s30_3_closing_a_context_with_all_of_it),
	};

	return cmocka_run_group_tests_name("30-faults-viommu 2, 3: vIOMMUs and vDEVICEs", tests,
					   NULL, NULL);
}
