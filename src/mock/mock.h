/* SPDX-License-Identifier: MIT */
/*
 * Mock devices behind a mock IOMMU, and IOMMU_TEST_CMD (mock/test_abi.h), with which conformance
 * programs of iommufd create them and inspect what user space cannot see otherwise.
 */
#ifndef MOCK_MOCK_H
#define MOCK_MOCK_H

/*
 * Makes contexts with iommufd_options.test_abi answer IOMMU_TEST_CMD; further calls do nothing.
 * Returns 0 or -ENOMEM. Context: before such a context is opened.
 */
int mock_enable(void);

#endif
