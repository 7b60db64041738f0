/* SPDX-License-Identifier: MIT */
/* Mock devices [TEST-DEVICE]; their PASIDs are in mock_pasid.c. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "mock.h"

/* ---- creation ---- */

static void mock_domain_takes_ids_for_handle_device_and_hwpt_in_this_order(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(t->ioas, 1);
	expect_equal(mock.stdev, 2);
	expect_equal(mock.idev, 3);
	expect_equal(mock.hwpt, 4);
}

static void mock_domain_makes_a_device_without_flags(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_test_cmd *cmd = TEST_CMD(MOCK_DOMAIN, t->ioas);

	expect_ok(t->iommu, IOMMU_TEST_CMD, cmd);
	expect_equal(cmd->mock_domain.out_stdev_id, 2);
	expect_equal(cmd->mock_domain.out_idev_id, 3);
	expect_equal(cmd->mock_domain.out_hwpt_id, 4);
}

static void mock_domain_with_unknown_flags_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t flags[] = {2, 8, 1u << 31};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		test_errno(EINVAL, t->iommu, MOCK_DOMAIN_FLAGS, t->ioas,
			   .mock_domain_flags.dev_flags = flags[i]);
	expect_equal(new_ioas(t->iommu), 2);
}

static void mock_domain_on_an_unknown_id_is_ENOENT_and_uses_no_id(void **state)
{
	struct fixture *t = fixture(state);

	test_errno(ENOENT, t->iommu, MOCK_DOMAIN, 77);
	expect_equal(new_ioas(t->iommu), 2);
}

static void mock_domain_on_neither_ioas_nor_hwpt_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	test_errno(EINVAL, t->iommu, MOCK_DOMAIN, mock.stdev);
	test_errno(EINVAL, t->iommu, MOCK_DOMAIN, mock.idev);
	expect_equal(new_ioas(t->iommu), 5);
}

static void mock_domain_with_a_mapping_outside_the_aperture_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, PAGE, mem_pages(PAGE), PAGE);
	test_errno(EADDRINUSE, t->iommu, MOCK_DOMAIN, t->ioas);
	expect_equal(new_ioas(t->iommu), 2);
}

static void mock_domain_with_a_failed_copy_out_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_test_cmd *cmd = TEST_CMD(MOCK_DOMAIN, t->ioas);

	expect_errno(EFAULT, t->iommu, IOMMU_TEST_CMD, read_only(cmd, sizeof(*cmd)));
	expect_equal(new_ioas(t->iommu), 2);
	destroy(t->iommu, t->ioas);
}

static void a_device_without_dirty_tracking_refuses_a_hwpt_with_it(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0);

	test_errno(EINVAL, t->iommu, MOCK_DOMAIN_FLAGS, hwpt,
		   .mock_domain_flags.dev_flags = MOCK_DEVICE_NO_DIRTY);
	test_ok(t->iommu, MOCK_DOMAIN_FLAGS, hwpt, .mock_domain_flags.dev_flags = 0);
	/* Of the IOAS it takes the automatic table, which has none. */
	expect_equal(add_mock(t->iommu, t->ioas, MOCK_DEVICE_NO_DIRTY).hwpt, mock.hwpt);
}

static void mock_devices_share_an_auto_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	struct mock other = add_mock(t->iommu, t->ioas, 0);

	expect_equal(other.hwpt, mock.hwpt);
	destroy(t->iommu, mock.stdev);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = other.hwpt));
	destroy(t->iommu, other.stdev);
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = other.hwpt));
}

/* ---- destruction ---- */

static void the_object_of_a_mock_device_cannot_be_destroyed(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = mock.idev));
}

static void destroying_the_handle_of_a_mock_device_detaches_and_unbinds_it(void **state)
{
	struct fixture *t = fixture(state);

	destroy(t->iommu, mock.stdev);
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = mock.stdev));
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = mock.idev));
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = mock.hwpt));
	destroy(t->iommu, t->ioas);
	expect_equal(new_ioas(t->iommu), 1);
}

static void destroying_the_handle_of_a_mock_device_leaves_a_manual_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, 0, 0);
	struct mock other = add_mock(t->iommu, hwpt, 0);

	expect_equal(other.hwpt, hwpt);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = hwpt));
	destroy(t->iommu, other.stdev);
	destroy(t->iommu, hwpt);
}

static void mock_devices_do_not_keep_the_context_alive(void **state)
{
	int iommu = open("/dev/iommu", O_RDWR);
	char *memory = mem_pages(PAGE);
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(iommu);

	add_mock(iommu, ioas, 0);
	add_mock(iommu, ioas, MOCK_DEVICE_PASID);
	map_at(iommu, ioas, RW, IOVA, memory, PAGE);
	check_refs(t->iommu, memory, PAGE, 1);
	close(iommu);
	check_refs(t->iommu, memory, PAGE, 0);
}

/* ---- properties ---- */

static void hw_info_of_a_mock_device_is_8_bytes_of_the_test_type(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hw_info_selftest info = {.flags = 9};
	struct iommu_hw_info cmd = {
		.size = sizeof(cmd),
		.dev_id = mock.idev,
		.data_len = sizeof(info),
		.data_uptr = (uintptr_t)&info,
	};

	expect_ok(t->iommu, IOMMU_GET_HW_INFO, &cmd);
	expect_equal(cmd.out_data_type, IOMMU_HW_INFO_TYPE_SELFTEST);
	expect_equal(cmd.data_len, sizeof(info));
	expect_equal(info.flags, 0);
	expect_equal(info.test_reg, MOCK_HW_INFO_TEST_REG);
	expect_equal(cmd.out_max_pasid_log2, 0);
	expect_equal(cmd.out_capabilities,
		     IOMMU_HW_CAP_DIRTY_TRACKING | IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
}

static void hw_info_of_a_mock_device_has_the_test_type_only(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t type = 1; type <= 4; type++)
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_GET_HW_INFO,
			     CMD(iommu_hw_info, .dev_id = mock.idev,
				 .flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE, .in_data_type = type));
	expect_ok(t->iommu, IOMMU_GET_HW_INFO,
		  CMD(iommu_hw_info, .dev_id = mock.idev, .flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		      .in_data_type = IOMMU_HW_INFO_TYPE_SELFTEST));
}

static void device_flags_show_in_hw_info(void **state)
{
	struct fixture *t = fixture(state);
	struct mock plain = add_mock(t->iommu, t->ioas, MOCK_DEVICE_NO_DIRTY);
	struct mock pasid = add_mock(t->iommu, t->ioas, MOCK_DEVICE_PASID);
	struct iommu_hw_info cmd = {.size = sizeof(cmd), .dev_id = plain.idev};

	expect_ok(t->iommu, IOMMU_GET_HW_INFO, &cmd);
	expect_equal(cmd.out_capabilities, IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
	cmd = (struct iommu_hw_info){.size = sizeof(cmd), .dev_id = pasid.idev};
	expect_ok(t->iommu, IOMMU_GET_HW_INFO, &cmd);
	expect_equal(cmd.out_max_pasid_log2, 20);
}

/* ---- MOCK_DOMAIN_REPLACE ---- */

static void mock_domain_replace_moves_to_another_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, 0, 0);
	struct iommu_test_cmd *cmd =
		TEST_CMD(MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = hwpt);

	expect_ok(t->iommu, IOMMU_TEST_CMD, cmd);
	expect_equal(cmd->mock_domain_replace.pt_id, hwpt);
	/* The automatic one had no other user. */
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = mock.hwpt));
	cmd = TEST_CMD(MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = t->ioas);
	expect_ok(t->iommu, IOMMU_TEST_CMD, cmd);
	expect_equal(cmd->mock_domain_replace.pt_id, mock.hwpt);
	destroy(t->iommu, hwpt);
}

static void mock_domain_replace_by_the_same_hwpt_changes_nothing(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_test_cmd *cmd =
		TEST_CMD(MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = t->ioas);

	expect_ok(t->iommu, IOMMU_TEST_CMD, cmd);
	expect_equal(cmd->mock_domain_replace.pt_id, mock.hwpt);
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = mock.hwpt);
}

static void mock_domain_replace_of_no_handle_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, t->ioas, mock.idev, mock.hwpt, 99};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		test_errno(ENOENT, t->iommu, MOCK_DOMAIN_REPLACE, ids[i],
			   .mock_domain_replace.pt_id = t->ioas);
}

static void mock_domain_replace_by_a_wrong_target_fails(void **state)
{
	struct fixture *t = fixture(state);

	test_errno(ENOENT, t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev,
		   .mock_domain_replace.pt_id = 99);
	test_errno(EINVAL, t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev,
		   .mock_domain_replace.pt_id = mock.idev);
}

static void mock_domain_replace_with_a_failed_copy_out_stays_done(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, 0, 0);
	const struct iommu_test_cmd *cmd =
		TEST_CMD(MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = hwpt);

	expect_errno(EFAULT, t->iommu, IOMMU_TEST_CMD, read_only(cmd, sizeof(*cmd)));
	test_ok(t->iommu, PASID_CHECK_HWPT, mock.stdev, .pasid_check_hwpt = {.hwpt_id = hwpt});
}

int mock_device_tests(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mock, mock_domain_takes_ids_for_handle_device_and_hwpt_in_this_order,
		     "TEST-DEVICE, OBJECTS.4"),
		CASE(ioas, mock_domain_makes_a_device_without_flags, "TEST-DEVICE"),
		CASE(ioas, mock_domain_with_unknown_flags_is_EINVAL,
		     "TEST-DEVICE.2, TEST-CONSTANTS.3"),
		CASE(ioas, mock_domain_on_an_unknown_id_is_ENOENT_and_uses_no_id, "TEST-DEVICE.3"),
		CASE(mock, mock_domain_on_neither_ioas_nor_hwpt_is_EINVAL, "TEST-DEVICE.3"),
		CASE(ioas, mock_domain_with_a_mapping_outside_the_aperture_is_EADDRINUSE,
		     "TEST-DEVICE.3"),
		CASE(ioas, mock_domain_with_a_failed_copy_out_undoes_all, "TEST-DEVICE.4"),
		CASE(mock, a_device_without_dirty_tracking_refuses_a_hwpt_with_it, "TEST-DEVICE.3"),
		CASE(mock, mock_devices_share_an_auto_hwpt, "TEST-DEVICE"),
		CASE(mock, the_object_of_a_mock_device_cannot_be_destroyed, "TEST-DEVICE"),
		CASE(mock, destroying_the_handle_of_a_mock_device_detaches_and_unbinds_it,
		     "TEST-DEVICE, OBJECTS.11"),
		CASE(mock, destroying_the_handle_of_a_mock_device_leaves_a_manual_hwpt,
		     "TEST-DEVICE"),
		CASE(context, mock_devices_do_not_keep_the_context_alive, "TEST-DEVICE"),
		CASE(mock, hw_info_of_a_mock_device_is_8_bytes_of_the_test_type,
		     "TEST-DEVICE, DEVICE.9"),
		CASE(mock, hw_info_of_a_mock_device_has_the_test_type_only,
		     "TEST-DEVICE, TEST-CONSTANTS.10"),
		CASE(mock, device_flags_show_in_hw_info, "TEST-DEVICE, DEVICE.8, TEST-CONSTANTS.4"),
		CASE(mock, mock_domain_replace_moves_to_another_hwpt, "TEST-DEVICE"),
		CASE(mock, mock_domain_replace_by_the_same_hwpt_changes_nothing, "TEST-DEVICE"),
		CASE(mock, mock_domain_replace_of_no_handle_is_ENOENT, "TEST-DEVICE"),
		CASE(mock, mock_domain_replace_by_a_wrong_target_fails, "TEST-DEVICE"),
		CASE(mock, mock_domain_replace_with_a_failed_copy_out_stays_done, "TEST-DEVICE"),
	};

	return cmocka_run_group_tests_name("mock devices", tests, NULL, NULL);
}
