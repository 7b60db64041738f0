/* SPDX-License-Identifier: MIT */
/* PASIDs of mock devices [TEST-DEVICE]. */
#include <errno.h>

#include "mock.h"

/* A device with PASIDs, on a table that is compatible with them, and another such table. */
static struct mock device;
static uint32_t table, other_table;

static int setup_pasid(void **state)
{
	struct fixture *t;

	if (setup_mock(state))
		return -1;
	t = *state;
	table = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID, 0);
	other_table = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID, 0);
	device = add_mock(t->iommu, table, MOCK_DEVICE_PASID);
	return 0;
}

static void pasid_attach(int iommu, uint32_t pasid, uint32_t pt_id)
{
	struct iommu_test_cmd *cmd = TEST_CMD(PASID_ATTACH, device.stdev,
					      .pasid_attach = {.pasid = pasid, .pt_id = pt_id});

	expect_ok(iommu, IOMMU_TEST_CMD, cmd);
	expect_equal(cmd->pasid_attach.pt_id, pt_id);
}

#define attach_errno(error, iommu, of, number, to) \
	test_errno(error, iommu, PASID_ATTACH, of, .pasid_attach = {.pasid = number, .pt_id = to})
#define replace_errno(error, iommu, of, number, to) \
	test_errno(error, iommu, PASID_REPLACE, of, .pasid_attach = {.pasid = number, .pt_id = to})

static void check_hwpt(int iommu, uint32_t pasid, uint32_t hwpt)
{
	test_ok(iommu, PASID_CHECK_HWPT, device.stdev,
		.pasid_check_hwpt = {.pasid = pasid, .hwpt_id = hwpt});
}

static void a_pasid_is_attached_and_detached(void **state)
{
	struct fixture *t = fixture(state);

	check_hwpt(t->iommu, 100, 0);
	pasid_attach(t->iommu, 100, other_table);
	check_hwpt(t->iommu, 100, other_table);
	check_hwpt(t->iommu, 0, table);
	test_ok(t->iommu, PASID_DETACH, device.stdev, .pasid_detach.pasid = 100);
	check_hwpt(t->iommu, 100, 0);
	destroy(t->iommu, other_table);
}

static void pasid_detach_of_an_unattached_pasid_succeeds(void **state)
{
	struct fixture *t = fixture(state);

	test_ok(t->iommu, PASID_DETACH, device.stdev, .pasid_detach.pasid = 5);
	test_errno(ENOENT, t->iommu, PASID_DETACH, device.idev, .pasid_detach.pasid = 5);
}

static void pasid_operations_take_the_handle(void **state)
{
	struct fixture *t = fixture(state);

	attach_errno(ENOENT, t->iommu, device.idev, 100, table);
	replace_errno(ENOENT, t->iommu, device.idev, 100, table);
	test_errno(ENOENT, t->iommu, PASID_CHECK_HWPT, device.idev,
		   .pasid_check_hwpt = {.pasid = 100});
}

static void pasid_attach_of_an_attached_pasid_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	pasid_attach(t->iommu, 100, table);
	attach_errno(EBUSY, t->iommu, device.stdev, 100, table);
	attach_errno(EBUSY, t->iommu, device.stdev, 100, other_table);
}

static void pasid_attach_to_a_wrong_target_fails(void **state)
{
	struct fixture *t = fixture(state);

	attach_errno(ENOENT, t->iommu, device.stdev, 100, 99);
	attach_errno(EINVAL, t->iommu, device.stdev, 100, device.stdev);
	/* Automatic tables are not compatible. */
	attach_errno(EINVAL, t->iommu, device.stdev, 100, t->ioas);
	attach_errno(EINVAL, t->iommu, device.stdev, 100, mock.hwpt);
	check_hwpt(t->iommu, 100, 0);
}

static void pasid_attach_beyond_the_device_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct mock plain = add_mock(t->iommu, table, 0);

	attach_errno(EINVAL, t->iommu, device.stdev, 1u << 20, table);
	pasid_attach(t->iommu, (1u << 20) - 1, table);
	attach_errno(EINVAL, t->iommu, plain.stdev, 1, table);
}

static void a_rid_on_an_incompatible_hwpt_refuses_pasids(void **state)
{
	struct fixture *t = fixture(state);
	struct mock incompatible = add_mock(t->iommu, t->ioas, MOCK_DEVICE_PASID);

	attach_errno(EINVAL, t->iommu, incompatible.stdev, 100, table);
}

static void pasids_refuse_a_rid_on_an_incompatible_hwpt(void **state)
{
	struct fixture *t = fixture(state);

	pasid_attach(t->iommu, 100, table);
	test_errno(EINVAL, t->iommu, MOCK_DOMAIN_REPLACE, device.stdev,
		   .mock_domain_replace.pt_id = mock.hwpt);
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, device.stdev,
		.mock_domain_replace.pt_id = other_table);
	test_ok(t->iommu, PASID_DETACH, device.stdev, .pasid_detach.pasid = 100);
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, device.stdev,
		.mock_domain_replace.pt_id = mock.hwpt);
}

static void pasid_replace_moves_a_pasid(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_test_cmd *cmd = TEST_CMD(PASID_REPLACE, device.stdev,
					      .pasid_attach = {.pasid = 100, .pt_id = other_table});

	pasid_attach(t->iommu, 100, table);
	expect_ok(t->iommu, IOMMU_TEST_CMD, cmd);
	expect_equal(cmd->pasid_attach.pt_id, other_table);
	check_hwpt(t->iommu, 100, other_table);
}

static void pasid_replace_of_an_unattached_pasid_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	replace_errno(ENOENT, t->iommu, device.stdev, 100, 99);
	replace_errno(EINVAL, t->iommu, device.stdev, 100, table);
	replace_errno(EINVAL, t->iommu, device.stdev, 100, t->ioas);
}

/* The new automatic HWPT is filled before the attachment is looked for. */
static void pasid_replace_to_an_ioas_without_a_hwpt_fills_one_first(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t below = new_ioas(t->iommu), bad = new_ioas(t->iommu), good = new_ioas(t->iommu);

	/* Outside of the aperture of mock devices. */
	map_at(t->iommu, below, RW, PAGE, mem_pages(PAGE), PAGE);
	replace_errno(EADDRINUSE, t->iommu, device.stdev, 100, below);
	map_at(t->iommu, bad, RW, IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	replace_errno(EFAULT, t->iommu, device.stdev, 100, bad);
	map_at(t->iommu, good, RW, IOVA, mem_pages(PAGE), PAGE);
	replace_errno(EINVAL, t->iommu, device.stdev, 100, good);
	destroy(t->iommu, below);
	destroy(t->iommu, bad);
	destroy(t->iommu, good);
}

static void pasid_attach_with_a_failed_copy_out_detaches(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_test_cmd *cmd = TEST_CMD(PASID_ATTACH, device.stdev,
						    .pasid_attach = {.pasid = 100, .pt_id = table});

	expect_errno(EFAULT, t->iommu, IOMMU_TEST_CMD, read_only(cmd, sizeof(*cmd)));
	check_hwpt(t->iommu, 100, 0);
}

static void destroying_the_handle_of_a_mock_device_detaches_pasids(void **state)
{
	struct fixture *t = fixture(state);

	pasid_attach(t->iommu, 100, other_table);
	pasid_attach(t->iommu, 101, other_table);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = other_table));
	destroy(t->iommu, device.stdev);
	destroy(t->iommu, other_table);
	destroy(t->iommu, table);
}

/* ---- PASID_CHECK_HWPT ---- */

static void pasid_check_hwpt_says_what_is_attached(void **state)
{
	struct fixture *t = fixture(state);

	pasid_attach(t->iommu, 100, table);
#define check_errno(error, number, hwpt)                            \
	test_errno(error, t->iommu, PASID_CHECK_HWPT, device.stdev, \
		   .pasid_check_hwpt = {.pasid = number, .hwpt_id = hwpt})
	check_errno(EINVAL, 100, 0);
	check_errno(EINVAL, 100, other_table);
	check_errno(EINVAL, 101, table);
	check_errno(EINVAL, 100, t->ioas);
	check_errno(ENOENT, 100, 99);
	check_errno(EINVAL, 0, 0);
}

/* ---- the PASID that fails ---- */

static void pasid_1024_fails_every_second_time(void **state)
{
	struct fixture *t = fixture(state);

	pasid_attach(t->iommu, 1024, table);
	/* Found set: cleared, and nothing changed. */
	replace_errno(ENOMEM, t->iommu, device.stdev, 1024, other_table);
	check_hwpt(t->iommu, 1024, table);
	test_ok(t->iommu, PASID_REPLACE, device.stdev,
		.pasid_attach = {.pasid = 1024, .pt_id = other_table});
	check_hwpt(t->iommu, 1024, other_table);
}

static void pasid_detach_of_1024_clears_its_flag(void **state)
{
	struct fixture *t = fixture(state);

	pasid_attach(t->iommu, 1024, table);
	test_ok(t->iommu, PASID_DETACH, device.stdev, .pasid_detach.pasid = 1024);
	pasid_attach(t->iommu, 1024, table);
}

static void checks_before_the_driver_leave_the_flag_of_pasid_1024(void **state)
{
	struct fixture *t = fixture(state);

	pasid_attach(t->iommu, 1024, table);
	/* The same table, and an incompatible one: the driver is not asked. */
	test_ok(t->iommu, PASID_REPLACE, device.stdev,
		.pasid_attach = {.pasid = 1024, .pt_id = table});
	replace_errno(EINVAL, t->iommu, device.stdev, 1024, mock.hwpt);
	replace_errno(ENOMEM, t->iommu, device.stdev, 1024, other_table);
}

int mock_pasid(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pasid, a_pasid_is_attached_and_detached, "TEST-DEVICE"),
		CASE(pasid, pasid_detach_of_an_unattached_pasid_succeeds, "TEST-DEVICE"),
		CASE(pasid, pasid_operations_take_the_handle, "TEST-DEVICE"),
		CASE(pasid, pasid_attach_of_an_attached_pasid_is_EBUSY, "TEST-DEVICE"),
		CASE(pasid, pasid_attach_to_a_wrong_target_fails, "TEST-DEVICE"),
		CASE(pasid, pasid_attach_beyond_the_device_is_EINVAL,
		     "TEST-DEVICE, TEST-CONSTANTS.4"),
		CASE(pasid, a_rid_on_an_incompatible_hwpt_refuses_pasids, "TEST-DEVICE"),
		CASE(pasid, pasids_refuse_a_rid_on_an_incompatible_hwpt, "TEST-DEVICE"),
		CASE(pasid, pasid_replace_moves_a_pasid, "TEST-DEVICE"),
		CASE(pasid, pasid_replace_of_an_unattached_pasid_is_EINVAL,
		     "TEST-DEVICE, REPLACE.2"),
		CASE(pasid, pasid_replace_to_an_ioas_without_a_hwpt_fills_one_first,
		     "TEST-DEVICE, REPLACE.2"),
		CASE(pasid, pasid_attach_with_a_failed_copy_out_detaches, "TEST-DEVICE"),
		CASE(pasid, destroying_the_handle_of_a_mock_device_detaches_pasids, "TEST-DEVICE"),
		CASE(pasid, pasid_check_hwpt_says_what_is_attached, "TEST-DEVICE"),
		CASE(pasid, pasid_1024_fails_every_second_time, "TEST-DEVICE, TEST-CONSTANTS.5"),
		CASE(pasid, pasid_detach_of_1024_clears_its_flag, "TEST-DEVICE"),
		CASE(pasid, checks_before_the_driver_leave_the_flag_of_pasid_1024, "TEST-DEVICE"),
	};

	return cmocka_run_group_tests_name("PASIDs", tests, NULL, NULL);
}
