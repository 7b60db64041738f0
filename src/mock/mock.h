/* SPDX-License-Identifier: MIT */
/*
 * Mock devices behind a mock IOMMU, and the view behind the scenes that conformance programs of
 * iommufd need: IOMMU_TEST_CMD (mock/test_abi.h).
 */
#ifndef MOCK_MOCK_H
#define MOCK_MOCK_H

/*
 * Has contexts with iommufd_options.test_abi answer IOMMU_TEST_CMD. Before any is opened; again
 * does nothing. 0 or -ENOMEM.
 */
int mock_enable(void);

#endif
