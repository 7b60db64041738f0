/* SPDX-License-Identifier: MIT */
/*
 * What the tests of page tables, faults and vIOMMUs share: the objects of nested translation as
 * calls.
 */
#ifndef CONFORMANCE_NESTED_H
#define CONFORMANCE_NESTED_H

#include "mock.h"

/* ---- objects; each call fails the test if it fails ---- */

/* HWPT_ALLOC without data. */
uint32_t new_hwpt(int iommu, uint32_t dev_id, uint32_t pt_id, uint32_t flags);

/*
 * A nested HWPT of mock device @dev_id on a nesting parent or a vIOMMU, its IOTLB all
 * MOCK_IOTLB_INITIAL.
 */
uint32_t nested_hwpt(int iommu, uint32_t dev_id, uint32_t pt_id, uint32_t flags);

/* As that, on a nesting parent, and its page faults go to @fault. */
uint32_t faulting_hwpt(int iommu, uint32_t dev_id, uint32_t pt_id, uint32_t flags, uint32_t fault);

/* A queue: its ID, and its descriptor, which is closed at the end of the test. */
struct queue {
	uint32_t id;
	int fd;
};

struct queue new_fault_queue(int iommu);
struct queue new_veventq(int iommu, uint32_t viommu, uint32_t type, uint32_t depth);

uint32_t new_viommu(int iommu, uint32_t dev_id, uint32_t hwpt, uint32_t type);
uint32_t new_vdevice(int iommu, uint32_t viommu, uint32_t dev_id, uint64_t virt_id);

/* A mock vIOMMU with a region to mmap: where that is. */
struct region {
	uint32_t viommu;
	uint64_t offset, length;
};

struct region new_region(int iommu, uint32_t dev_id, uint32_t hwpt, uint32_t first_word);

/* IOMMU_DESTROY says EBUSY; ENOENT. */
void expect_busy(int iommu, uint32_t id);
void expect_gone(int iommu, uint32_t id);

/* Has mock device @stdev's RID go through @pt_id. */
void move_mock(int iommu, uint32_t stdev, uint32_t pt_id);

/* ---- fixtures ---- */

/* The objects that the levels below add to those of mock. */
struct nested {
	uint32_t parent; /* nested: a nesting parent on the IOAS */
	uint32_t viommu; /* viommu: a mock vIOMMU on it */
};

extern struct nested nested;
int setup_nested(void **state);
int setup_viommu(void **state);

/*
 * seated: the mock device has a vDEVICE of this virtual ID, and goes through a nested HWPT on the
 * vIOMMU.
 */
#define VIRT_ID UINT64_C(0x77)
int setup_seated(void **state);

/*
 * The ID of VFIO device 0, bound to @t's context: behind another IOMMU than the mock devices.
 * Without one the test ends as skipped.
 */
uint32_t other_iommu(const struct fixture *t);

/* ---- invalidation ---- */

/*
 * HWPT_INVALIDATE of @count entries of @length bytes is answered with @error after @handled
 * entries.
 */
#define expect_invalidate(error, handled, ...) check_invalidate(HERE, error, handled, __VA_ARGS__)
void check_invalidate(const char *file, int line, int error, uint32_t handled, int iommu,
		      uint32_t id, uint32_t type, const void *entries, uint32_t length,
		      uint32_t count);

#endif
