/* SPDX-License-Identifier: MIT */
/* Nested HWPTs and page faults of the mock IOMMU [MOCK-NESTED], [MOCK-FAULTS]. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "mock.h"

static uint32_t parent;

/* nested: a nesting parent, beside the device on its automatic table. */
static int setup_nested(void **state)
{
	struct fixture *t;

	if (setup_mock(state))
		return -1;
	t = *state;
	parent = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, 0);
	return 0;
}

static uint32_t nested_hwpt(int iommu, uint32_t on, uint32_t flags, uint32_t fault, uint32_t iotlb)
{
	const struct iommu_hwpt_selftest data = {.iotlb = iotlb};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = mock.idev,
		.pt_id = on,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
		.fault_id = fault,
	};

	expect_ok(iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

static void check_iotlb(int iommu, uint32_t hwpt, uint32_t id, uint32_t iotlb)
{
	test_ok(iommu, MD_CHECK_IOTLB, hwpt, .md_check_iotlb = {.id = id, .iotlb = iotlb});
}

#define alloc_errno(error, ...)                         \
	expect_errno(error, t->iommu, IOMMU_HWPT_ALLOC, \
		     CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = parent, __VA_ARGS__))

static void mock_nested_data_is_4_to_8_bytes_of_the_mock_type(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_selftest data[2] = {{.iotlb = 7}};
	const uint32_t type = IOMMU_HWPT_DATA_SELFTEST;
	const uint64_t uptr = (uintptr_t)data;

	alloc_errno(EOPNOTSUPP, .data_type = IOMMU_HWPT_DATA_VTD_S1, .data_len = 8,
		    .data_uptr = uptr);
	alloc_errno(EOPNOTSUPP);
	alloc_errno(EINVAL, .data_type = type, .data_len = 3, .data_uptr = uptr);
	alloc_errno(EINVAL, .data_type = type, .data_len = 16, .data_uptr = uptr);
	alloc_errno(EFAULT, .data_type = type, .data_len = 8,
		    .data_uptr = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE));
	expect_ok(t->iommu, IOMMU_HWPT_ALLOC,
		  CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = parent, .data_type = type,
		      .data_len = 4, .data_uptr = uptr));
}

static void mock_nested_hwpts_take_the_flags_pasid_and_fault_only(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_selftest data = {.iotlb = 7};

	alloc_errno(EOPNOTSUPP, .flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
		    .data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(data),
		    .data_uptr = (uintptr_t)&data);
	alloc_errno(EOPNOTSUPP, .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
		    .data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(data),
		    .data_uptr = (uintptr_t)&data);
	nested_hwpt(t->iommu, parent, IOMMU_HWPT_ALLOC_PASID, 0, 7);
}

static void mock_nested_hwpts_need_a_nesting_parent(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_selftest data = {.iotlb = 7};
	uint32_t plain = mock_hwpt(t->iommu, mock.idev, t->ioas, 0, 0);
	const uint32_t targets[] = {plain, mock.hwpt};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		expect_errno(EINVAL, t->iommu, IOMMU_HWPT_ALLOC,
			     CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = targets[i],
				 .data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(data),
				 .data_uptr = (uintptr_t)&data));
}

static void mock_iotlb_entries_start_as_given(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, parent, 0, 0, MOCK_IOTLB_INITIAL);

	for (uint32_t id = 0; id < MOCK_IOTLB_ENTRIES; id++)
		check_iotlb(t->iommu, hwpt, id, MOCK_IOTLB_INITIAL);
	test_errno(EINVAL, t->iommu, MD_CHECK_IOTLB, hwpt,
		   .md_check_iotlb = {.id = 4, .iotlb = MOCK_IOTLB_INITIAL});
	test_errno(EINVAL, t->iommu, MD_CHECK_IOTLB, hwpt, .md_check_iotlb = {.id = 0});
	test_errno(ENOENT, t->iommu, MD_CHECK_IOTLB, parent, .md_check_iotlb = {.id = 0});
	test_errno(ENOENT, t->iommu, MD_CHECK_IOTLB, 99, .md_check_iotlb = {.id = 0});
}

enum {
	TYPE = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST
};

static void mock_invalidation_zeroes_iotlb_entries_one_by_one(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entries[] = {
		{.iotlb_id = 1}, {.iotlb_id = 3}, {.iotlb_id = 4}, {.iotlb_id = 0}};
	const struct iommu_hwpt_invalidate_selftest all = {.flags = MOCK_INVALIDATE_ALL};
	uint32_t hwpt = nested_hwpt(t->iommu, parent, 0, 0, 9);

	expect_equal(
		invalidate_entries(t->iommu, hwpt, EINVAL, TYPE, entries, sizeof(entries[0]), 4),
		2);
	check_iotlb(t->iommu, hwpt, 0, 9);
	check_iotlb(t->iommu, hwpt, 1, 0);
	check_iotlb(t->iommu, hwpt, 2, 9);
	check_iotlb(t->iommu, hwpt, 3, 0);
	expect_equal(invalidate_entries(t->iommu, hwpt, 0, TYPE, &all, sizeof(all), 1), 1);
	check_iotlb(t->iommu, hwpt, 0, 0);
	check_iotlb(t->iommu, hwpt, 2, 0);
}

static void mock_invalidation_checks_its_entries(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest flags = {.flags = 2};
	const struct iommu_hwpt_invalidate_selftest all = {.flags = 1, .iotlb_id = 4};
	const struct iommu_hwpt_invalidate_selftest two[2] = {{.flags = 0}};
	uint32_t hwpt = nested_hwpt(t->iommu, parent, 0, 0, 9);

	expect_equal(invalidate_entries(t->iommu, hwpt, EINVAL, TYPE - 1, two, 8, 1), 0);
	expect_equal(invalidate_entries(t->iommu, hwpt, EINVAL, TYPE - 1, NULL, 0, 0), 0);
	expect_equal(invalidate_entries(t->iommu, hwpt, 0, TYPE, NULL, 0, 0), 0);
	expect_equal(invalidate_entries(t->iommu, hwpt, EINVAL, TYPE, two, 4, 1), 0);
	expect_equal(invalidate_entries(t->iommu, hwpt, EINVAL, TYPE, two, 16, 1), 0);
	expect_equal(invalidate_entries(t->iommu, hwpt, EOPNOTSUPP, TYPE, &flags, 8, 1), 0);
	expect_equal(invalidate_entries(t->iommu, hwpt, EINVAL, TYPE, &all, 8, 1), 0);
	expect_equal(
		invalidate_entries(t->iommu, hwpt, EFAULT, TYPE, mem_of_kind(PAGE, MEM_HOLE), 8, 1),
		0);
	check_iotlb(t->iommu, hwpt, 0, 9);
}

static void a_mock_device_attaches_to_a_nested_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, parent, 0, 0, 9);

	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = hwpt);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = hwpt));
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = parent));
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = t->ioas);
	destroy(t->iommu, hwpt);
	destroy(t->iommu, parent);
}

/* ---- faults ---- */

static int fault_fd;

static uint32_t fault_queue(int iommu)
{
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd)};

	expect_ok(iommu, IOMMU_FAULT_QUEUE_ALLOC, &cmd);
	fault_fd = close_later((int)cmd.out_fault_fd);
	return cmd.out_fault_id;
}

static void trigger(int iommu, uint32_t pasid, uint32_t grpid)
{
	test_ok(iommu, TRIGGER_IOPF, 0,
		.trigger_iopf = {.dev_id = mock.idev,
				 .pasid = pasid,
				 .grpid = grpid,
				 .perm = IOMMU_PGFAULT_PERM_WRITE,
				 .addr = IOVA});
}

static void a_triggered_fault_is_one_complete_group(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = fault_queue(t->iommu);
	uint32_t hwpt = nested_hwpt(t->iommu, parent, IOMMU_HWPT_FAULT_ID_VALID, queue, 9);
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};
	struct iommu_hwpt_pgfault fault;
	struct pollfd ready = {.fd = fault_fd, .events = POLLIN};

	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = hwpt);
	trigger(t->iommu, 0, 5);
	expect_equal(poll(&ready, 1, 0), 1);
	expect_equal(read(fault_fd, &fault, sizeof(fault)), sizeof(fault));
	expect_equal(fault.flags, IOMMU_PGFAULT_FLAGS_LAST_PAGE);
	expect_equal(fault.dev_id, mock.idev);
	expect_equal(fault.grpid, 5);
	expect_equal(fault.perm, IOMMU_PGFAULT_PERM_WRITE);
	expect_equal(fault.addr, IOVA);
	expect_equal(fault.length, 0);
	response.cookie = fault.cookie;
	expect_equal(write(fault_fd, &response, sizeof(response)), sizeof(response));
	expect_failed(EINVAL, write(fault_fd, &response, sizeof(response)));
}

static void a_triggered_fault_with_pasid_falls_back_to_a_nested_rid(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = fault_queue(t->iommu);
	uint32_t hwpt = nested_hwpt(t->iommu, parent, IOMMU_HWPT_FAULT_ID_VALID, queue, 9);
	struct iommu_hwpt_pgfault fault;

	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = hwpt);
	trigger(t->iommu, 3, 5);
	expect_equal(read(fault_fd, &fault, sizeof(fault)), sizeof(fault));
	expect_equal(fault.flags, IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID);
	expect_equal(fault.pasid, 3);
}

static void triggering_a_fault_that_no_queue_takes_succeeds(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_pgfault fault;

	fault_queue(t->iommu);
	trigger(t->iommu, 0, 5);
	trigger(t->iommu, 3, 5);
	expect_equal(read(fault_fd, &fault, sizeof(fault)), 0);
	test_errno(ENOENT, t->iommu, TRIGGER_IOPF, 0, .trigger_iopf.dev_id = 99);
	test_errno(ENOENT, t->iommu, TRIGGER_IOPF, 0, .trigger_iopf.dev_id = mock.stdev);
}

static void leaving_a_hwpt_drops_its_faults(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t queue = fault_queue(t->iommu);
	uint32_t hwpt = nested_hwpt(t->iommu, parent, IOMMU_HWPT_FAULT_ID_VALID, queue, 9);
	struct iommu_hwpt_pgfault fault;

	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = hwpt);
	trigger(t->iommu, 0, 5);
	test_ok(t->iommu, MOCK_DOMAIN_REPLACE, mock.stdev, .mock_domain_replace.pt_id = t->ioas);
	expect_equal(read(fault_fd, &fault, sizeof(fault)), 0);
}

int mock_nested(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nested, mock_nested_data_is_4_to_8_bytes_of_the_mock_type,
		     "MOCK-NESTED, TEST-CONSTANTS.7"),
		CASE(nested, mock_nested_hwpts_take_the_flags_pasid_and_fault_only, "MOCK-NESTED"),
		CASE(nested, mock_nested_hwpts_need_a_nesting_parent, "MOCK-NESTED"),
		CASE(nested, mock_iotlb_entries_start_as_given,
		     "MOCK-NESTED, TEST-CONSTANTS.12..13"),
		CASE(nested, mock_invalidation_zeroes_iotlb_entries_one_by_one, "MOCK-NESTED"),
		CASE(nested, mock_invalidation_checks_its_entries, "MOCK-NESTED, TEST-CONSTANTS.7"),
		CASE(nested, a_mock_device_attaches_to_a_nested_hwpt, "MOCK-NESTED"),
		CASE(nested, a_triggered_fault_is_one_complete_group, "MOCK-FAULTS"),
		CASE(nested, a_triggered_fault_with_pasid_falls_back_to_a_nested_rid,
		     "MOCK-FAULTS"),
		CASE(nested, triggering_a_fault_that_no_queue_takes_succeeds, "MOCK-FAULTS"),
		CASE(nested, leaving_a_hwpt_drops_its_faults, "FAULT-CLEANUP"),
	};

	return cmocka_run_group_tests_name("nested tables, faults", tests, NULL, NULL);
}
