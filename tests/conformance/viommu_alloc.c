/* SPDX-License-Identifier: MIT */
/* vIOMMUs and vDEVICEs [VIOMMU-ALLOC], [VDEVICE-ALLOC]. */
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

/* ---- VIOMMU_ALLOC ---- */

static void viommu_alloc_with_flags_or_type_0_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	viommu_errno(EOPNOTSUPP, .flags = 1, .type = MOCK_TYPE, .dev_id = mock.idev,
		     .hwpt_id = nested.parent);
	viommu_errno(EOPNOTSUPP, .dev_id = mock.idev, .hwpt_id = nested.parent);
	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC,
		  CMD(iommu_viommu_alloc, .type = MOCK_TYPE, .dev_id = mock.idev,
		      .hwpt_id = nested.parent, .__reserved = 1));
}

static void viommu_alloc_for_no_device_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.stdev, nested.parent};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		viommu_errno(ENOENT, .type = MOCK_TYPE, .dev_id = ids[i], .hwpt_id = nested.parent);
}

static void viommu_alloc_of_a_type_the_iommu_lacks_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t types[] = {IOMMU_VIOMMU_TYPE_ARM_SMMUV3, IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV,
				  12345};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		viommu_errno(EOPNOTSUPP, .type = types[i], .dev_id = mock.idev, .hwpt_id = 99);
	viommu_errno(EOPNOTSUPP, .type = MOCK_TYPE, .dev_id = other_iommu(t), .hwpt_id = 99);
}

static void viommu_alloc_on_no_paging_hwpt_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.idev,
				nested_hwpt(t->iommu, mock.idev, nested.parent, 0)};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		viommu_errno(ENOENT, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = ids[i]);
}

static void viommu_alloc_on_no_nesting_parent_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	viommu_errno(EINVAL, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = mock.hwpt);
	viommu_errno(EINVAL, .type = MOCK_TYPE, .dev_id = mock.idev,
		     .hwpt_id = new_hwpt(t->iommu, mock.idev, t->ioas, 0));
}

#define with_data(error, length, address)                                                     \
	viommu_errno(error, .type = MOCK_TYPE, .dev_id = mock.idev, .hwpt_id = nested.parent, \
		     .data_len = length, .data_uptr = (uintptr_t)(address))

static void viommu_alloc_takes_8_to_24_bytes_of_mock_data(void **state)
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

static void viommu_alloc_writes_the_given_length_of_data_only(void **state)
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

static void viommu_alloc_with_a_failed_copy_out_undoes_all(void **state)
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

static void viommu_alloc_checks_in_order(void **state)
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

static void viommu_alloc_takes_a_structure_of_24_bytes(void **state)
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

static void viommus_share_and_hold_a_parent(void **state)
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

static void a_viommu_outlives_its_device(void **state)
{
	struct fixture *t = fixture(state);
	struct mock other = add_mock(t->iommu, t->ioas, 0);
	uint32_t viommu = new_viommu(t->iommu, other.idev, nested.parent, MOCK_TYPE);

	destroy(t->iommu, other.stdev);
	new_vdevice(t->iommu, viommu, mock.idev, 1);
	nested_hwpt(t->iommu, mock.idev, viommu, 0);
}

/* ---- VDEVICE_ALLOC ---- */

static void vdevice_alloc_on_no_viommu_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, nested.parent, mock.idev};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		vdevice_errno(ENOENT, .viommu_id = ids[i], .dev_id = mock.idev);
}

static void vdevice_alloc_for_no_device_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.stdev, nested.viommu};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		vdevice_errno(ENOENT, .viommu_id = nested.viommu, .dev_id = ids[i]);
}

static void vdevice_alloc_for_a_device_behind_another_iommu_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	vdevice_errno(EINVAL, .viommu_id = nested.viommu, .dev_id = other_iommu(t));
}

static void a_device_has_one_vdevice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_viommu(t->iommu, mock.idev, nested.parent, MOCK_TYPE);

	new_vdevice(t->iommu, nested.viommu, mock.idev, 1);
	vdevice_errno(EEXIST, .viommu_id = nested.viommu, .dev_id = mock.idev, .virt_id = 2);
	vdevice_errno(EEXIST, .viommu_id = other, .dev_id = mock.idev, .virt_id = 2);
}

static void a_virtual_id_is_unique_in_its_viommu(void **state)
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

static void vdevice_alloc_with_a_failed_copy_out_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_vdevice_alloc *cmd = CMD(iommu_vdevice_alloc, .viommu_id = nested.viommu,
						    .dev_id = mock.idev, .virt_id = 1);

	expect_errno(EFAULT, t->iommu, IOMMU_VDEVICE_ALLOC, read_only(cmd, sizeof(*cmd)));
	destroy(t->iommu, new_vdevice(t->iommu, nested.viommu, mock.idev, 1));
	destroy(t->iommu, nested.viommu);
}

static void vdevice_alloc_takes_any_virtual_id(void **state)
{
	struct fixture *t = fixture(state);
	struct mock two = add_mock(t->iommu, t->ioas, 0), three = add_mock(t->iommu, t->ioas, 0);

	new_vdevice(t->iommu, nested.viommu, mock.idev, 0);
	new_vdevice(t->iommu, nested.viommu, two.idev, UINT64_MAX);
	/* All 64 bits count. */
	new_vdevice(t->iommu, nested.viommu, three.idev, UINT64_C(1) << 32);
}

static void a_vdevice_holds_its_viommu(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, mock.idev, 1);

	expect_busy(t->iommu, nested.viommu);
	destroy(t->iommu, vdevice);
	expect_gone(t->iommu, vdevice);
	destroy(t->iommu, nested.viommu);
}

static void destroying_a_vdevice_allows_a_new_one(void **state)
{
	struct fixture *t = fixture(state);
	struct mock two = add_mock(t->iommu, t->ioas, 0);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, mock.idev, 1);

	destroy(t->iommu, vdevice);
	/* The number, the device and the virtual ID are free. */
	expect_equal(new_vdevice(t->iommu, nested.viommu, two.idev, 1), vdevice);
	new_vdevice(t->iommu, nested.viommu, mock.idev, 2);
}

static void unbinding_the_device_leaves_a_tombstone_of_its_vdevice(void **state)
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

static void destroying_a_vdevice_before_the_device_leaves_no_tombstone(void **state)
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

static void a_tombstone_makes_setting_the_rlimit_mode_EBUSY(void **state)
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

static void a_context_with_viommu_and_vdevices_can_be_closed(void **state)
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
		CASE(nested, viommu_alloc_with_flags_or_type_0_is_EOPNOTSUPP, "VIOMMU-ALLOC.1"),
		CASE(nested, viommu_alloc_for_no_device_is_ENOENT, "VIOMMU-ALLOC.2"),
		CASE(nested, viommu_alloc_of_a_type_the_iommu_lacks_is_EOPNOTSUPP,
		     "VIOMMU-ALLOC.3"),
		CASE(nested, viommu_alloc_on_no_paging_hwpt_is_ENOENT, "VIOMMU-ALLOC.4"),
		CASE(nested, viommu_alloc_on_no_nesting_parent_is_EINVAL, "VIOMMU-ALLOC.5"),
		CASE(nested, viommu_alloc_takes_8_to_24_bytes_of_mock_data,
		     "VIOMMU-ALLOC.7, TEST-CONSTANTS.8"),
		CASE(nested, viommu_alloc_writes_the_given_length_of_data_only,
		     "VIOMMU-ALLOC.7, TEST-CONSTANTS.8"),
		CASE(nested, viommu_alloc_with_a_failed_copy_out_undoes_all, "VIOMMU-ALLOC.8"),
		CASE(nested, viommu_alloc_checks_in_order, "VIOMMU-ALLOC"),
		CASE(nested, viommu_alloc_takes_a_structure_of_24_bytes, "VIOMMU-ALLOC"),
		CASE(nested, viommus_share_and_hold_a_parent, "VIOMMU-ALLOC, OBJECTS.7"),
		CASE(nested, a_viommu_outlives_its_device, "VIOMMU-ALLOC"),
		CASE(viommu, vdevice_alloc_on_no_viommu_is_ENOENT, "VDEVICE-ALLOC.1"),
		CASE(viommu, vdevice_alloc_for_no_device_is_ENOENT, "VDEVICE-ALLOC.2"),
		CASE(viommu, vdevice_alloc_for_a_device_behind_another_iommu_is_EINVAL,
		     "VDEVICE-ALLOC.3, DEVICE.1"),
		CASE(viommu, a_device_has_one_vdevice, "VDEVICE-ALLOC.5"),
		CASE(viommu, a_virtual_id_is_unique_in_its_viommu, "VDEVICE-ALLOC.7"),
		CASE(viommu, vdevice_alloc_with_a_failed_copy_out_undoes_all, "VDEVICE-ALLOC.9"),
		CASE(viommu, vdevice_alloc_takes_any_virtual_id, "VDEVICE-ALLOC"),
		CASE(viommu, a_vdevice_holds_its_viommu, "VDEVICE-ALLOC"),
		CASE(viommu, destroying_a_vdevice_allows_a_new_one, "VDEVICE-ALLOC"),
		CASE(viommu, unbinding_the_device_leaves_a_tombstone_of_its_vdevice,
		     "VDEVICE-ALLOC, OBJECTS.8"),
		CASE(viommu, destroying_a_vdevice_before_the_device_leaves_no_tombstone,
		     "VDEVICE-ALLOC, OBJECTS.8"),
		CASE(viommu, a_tombstone_makes_setting_the_rlimit_mode_EBUSY,
		     "VDEVICE-ALLOC, OPTION-RLIMIT.4"),
		CASE(viommu, a_context_with_viommu_and_vdevices_can_be_closed, "VDEVICE-ALLOC"),
	};

	return cmocka_run_group_tests_name("vIOMMUs and vDEVICEs", tests, NULL, NULL);
}
