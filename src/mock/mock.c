/* SPDX-License-Identifier: MIT */
/* IOMMU_TEST_CMD [TEST-CMD]: the table of its operations. */
#include "mock/mock.h"

#include "base/caller.h"
#include "iommufd/entry/dispatch.h"
#include "mock/mock_internal.h"

static int (*const operations[])(struct ucmd *ucmd, struct iommu_test_cmd *cmd) = {
	[IOMMU_TEST_OP_ADD_RESERVED] = mock_add_reserved,
	[IOMMU_TEST_OP_MOCK_DOMAIN] = mock_domain,
	[IOMMU_TEST_OP_MD_CHECK_MAP] = mock_check_map,
	[IOMMU_TEST_OP_MD_CHECK_REFS] = mock_check_refs,
	[IOMMU_TEST_OP_CREATE_ACCESS] = mock_create_access,
	[IOMMU_TEST_OP_DESTROY_ACCESS_PAGES] = mock_destroy_access_pages,
	[IOMMU_TEST_OP_ACCESS_PAGES] = mock_access_pages,
	[IOMMU_TEST_OP_ACCESS_RW] = mock_access_rw,
	[IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT] = mock_set_temp_memory_limit,
	[IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE] = mock_domain_replace,
	[IOMMU_TEST_OP_ACCESS_REPLACE_IOAS] = mock_access_replace_ioas,
	[IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS] = mock_domain_flags,
	[IOMMU_TEST_OP_DIRTY] = mock_dirty,
	[IOMMU_TEST_OP_MD_CHECK_IOTLB] = mock_check_iotlb,
	[IOMMU_TEST_OP_TRIGGER_IOPF] = mock_trigger_iopf,
	[IOMMU_TEST_OP_DEV_CHECK_CACHE] = mock_dev_check_cache,
	[IOMMU_TEST_OP_TRIGGER_VEVENT] = mock_trigger_vevent,
	[IOMMU_TEST_OP_PASID_ATTACH] = mock_pasid_attach,
	[IOMMU_TEST_OP_PASID_REPLACE] = mock_pasid_replace,
	[IOMMU_TEST_OP_PASID_DETACH] = mock_pasid_detach,
	[IOMMU_TEST_OP_PASID_CHECK_HWPT] = mock_pasid_check_hwpt,
	[IOMMU_TEST_OP_DMABUF_GET] = mock_dmabuf_get,
	[IOMMU_TEST_OP_DMABUF_REVOKE] = mock_dmabuf_revoke,
};

static int test_cmd(struct ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	if (cmd->op >= sizeof(operations) / sizeof(operations[0]) || !operations[cmd->op])
		return -EOPNOTSUPP;
	return operations[cmd->op](ucmd, cmd);
}

int mock_enable(void)
{
	int rc = mock_iommu_create();

	if (rc)
		return rc;
	nested_register_driver(&mock_nested_driver);
	viommu_register_driver(&mock_viommu_driver);
	iommufd_set_test_handler(test_cmd);
	return 0;
}

int mock_present(struct uiommufd_caller *caller, uint64_t uptr, uint64_t *bus)
{
	const uint64_t offset = uptr & PAGE_MASK;
	uint64_t run;
	int rc;

	rc = caller_populate(caller, uptr - offset, PAGE_SIZE, false);
	if (rc)
		return -EFAULT;
	return caller_resolve(caller, uptr, PAGE_SIZE - offset, bus, &run);
}
