/* SPDX-License-Identifier: MIT */
/* What the tests of the mock devices share: a fixture with one, and IOMMU_TEST_CMD as calls. */
#ifndef CONFORMANCE_MOCK_H
#define CONFORMANCE_MOCK_H

#include "conformance.h"
#include "mock/test_abi.h"

/* The IDs of a mock device. */
struct mock {
	uint32_t stdev; /* the handle */
	uint32_t hwpt;
	uint32_t idev; /* the device object */
};

/* mock: the fixture has an IOAS and, attached to it, this device. */
extern struct mock mock;
int setup_mock(void **state);

/*
 * An argument for IOMMU_TEST_CMD: expect_ok(fd, IOMMU_TEST_CMD, TEST_CMD(ADD_RESERVED, ioas,
 * .add_reserved = {...}))
 */
#define TEST_CMD(name, of, ...) \
	CMD(iommu_test_cmd, .op = IOMMU_TEST_OP_##name, .id = (uint32_t)(of), ##__VA_ARGS__)

#define test_ok(iommu, ...) expect_ok(iommu, IOMMU_TEST_CMD, TEST_CMD(__VA_ARGS__))
#define test_errno(error, iommu, ...) \
	expect_errno(error, iommu, IOMMU_TEST_CMD, TEST_CMD(__VA_ARGS__))

/* Each fails the test if it fails. */
struct mock add_mock(int iommu, uint32_t pt_id, uint32_t dev_flags);

/* HWPT_ALLOC with @flags for mock device @idev, in tables of @type. */
uint32_t mock_hwpt(int iommu, uint32_t idev, uint32_t pt_id, uint32_t flags, uint32_t type);

/* An access of @ioas; closed at the end of the test. */
int mock_access(int iommu, uint32_t ioas, uint32_t flags);

/* Pins; the number of the pin. */
uint32_t access_pin(int iommu, int access, uint64_t iova, uint64_t length, uint32_t flags);

/* MD_CHECK_MAP of whole pages; MD_CHECK_REFS. */
void check_map(int iommu, uint32_t hwpt, uint64_t iova, const void *va, uint64_t length);
void check_refs(int iommu, const void *va, uint64_t length, uint32_t refs);

/* The groups of tests. */
int mock_command(void);
int mock_device_tests(void);
int mock_pasid(void);
int mock_check(void);
int mock_paging(void);
int mock_nested(void);
int mock_viommu(void);
int mock_access_tests(void);
int mock_rw(void);
int mock_type1(void);
int mock_dmabuf(void);
int mock_fail_nth(void);

#endif
