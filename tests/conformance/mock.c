/* SPDX-License-Identifier: MIT */
/* The fixture of the mock devices' tests, and commands on their way (mock.h). */
#include "mock.h"

struct mock mock;

int setup_mock(void **state)
{
	struct fixture *t;

	if (setup_ioas(state))
		return -1;
	t = *state;
	mock = add_mock(t->iommu, t->ioas, 0);
	t->dev_id = mock.idev;
	t->hwpt = mock.hwpt;
	return 0;
}

struct mock add_mock(int iommu, uint32_t pt_id, uint32_t dev_flags)
{
	struct iommu_test_cmd *cmd =
		TEST_CMD(MOCK_DOMAIN_FLAGS, pt_id, .mock_domain_flags.dev_flags = dev_flags);

	expect_ok(iommu, IOMMU_TEST_CMD, cmd);
	return (struct mock){
		.stdev = cmd->mock_domain_flags.out_stdev_id,
		.hwpt = cmd->mock_domain_flags.out_hwpt_id,
		.idev = cmd->mock_domain_flags.out_idev_id,
	};
}

uint32_t mock_hwpt(int iommu, uint32_t idev, uint32_t pt_id, uint32_t flags, uint32_t type)
{
	const struct iommu_hwpt_selftest data = {.pagetable_type = type};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = idev,
		.pt_id = pt_id,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	expect_ok(iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

int mock_access(int iommu, uint32_t ioas, uint32_t flags)
{
	struct iommu_test_cmd *cmd = TEST_CMD(CREATE_ACCESS, ioas, .create_access.flags = flags);

	expect_ok(iommu, IOMMU_TEST_CMD, cmd);
	return close_later((int)cmd->create_access.out_access_fd);
}

uint32_t access_pin(int iommu, int access, uint64_t iova, uint64_t length, uint32_t flags)
{
	struct iommu_test_cmd *cmd =
		TEST_CMD(ACCESS_PAGES, access,
			 .access_pages = {.flags = flags, .iova = iova, .length = length});

	expect_ok(iommu, IOMMU_TEST_CMD, cmd);
	return cmd->access_pages.out_access_pages_id;
}

void check_map(int iommu, uint32_t hwpt, uint64_t iova, const void *va, uint64_t length)
{
	test_ok(iommu, MD_CHECK_MAP, hwpt,
		.md_check_map = {.iova = iova, .length = length, .uptr = (uintptr_t)va});
}

void check_refs(int iommu, const void *va, uint64_t length, uint32_t refs)
{
	test_ok(iommu, MD_CHECK_REFS, 0,
		.md_check_refs = {.length = length, .uptr = (uintptr_t)va, .refs = refs});
}
