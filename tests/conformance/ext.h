/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the extensions share. They are for a machine of mock devices and one edu behind
 * each of these IOMMUs, in this order (meson.build).
 */
#ifndef CONFORMANCE_EXT_H
#define CONFORMANCE_EXT_H

#include "nested.h"

enum ext_device {
	EXT_64BIT, /* no reserved ranges */
	EXT_45BIT,
	EXT_POWER, /* two windows */
	EXT_HOLE,  /* 64 bits with a hole */
	EXT_X86,   /* 48 bits, and the MSI window */
	EXT_SMMU,  /* 48 bits, and a software MSI window */
	EXT_AMD,   /* 64 bits, the MSI window, and another reserved region */
	EXT_DEVICES
};

enum {
	MAX_RANGES = 4
};

struct range_list {
	uint32_t count;
	struct iommu_iova_range ranges[MAX_RANGES];
};

/* ext: ioas, on a kernel with the extensions; otherwise the tests end as skipped. */
int setup_ext(void **state);
struct fixture *ext_fixture(void **state);

/* Binds the device; its descriptor, and its ID in *@dev_id. */
int ext_bind(const struct fixture *t, enum ext_device which, uint32_t *dev_id);

/* What IOMMU_RESV_IOVA_RANGES, IOMMU_DEV_IOVA_RANGES and IOMMU_IOAS_IOVA_RANGES say. */
struct range_list reserved_ranges(const struct fixture *t, uint32_t dev_id);
struct range_list permitted_ranges(const struct fixture *t, uint32_t dev_id, uint64_t *alignment);
struct range_list usable_ranges(const struct fixture *t, uint32_t ioas, uint64_t *alignment);

#define RANGES(...)                                                             \
	((struct range_list){sizeof((struct iommu_iova_range[]){__VA_ARGS__}) / \
				     sizeof(struct iommu_iova_range),           \
			     {__VA_ARGS__}})
#define expect_ranges(actual, ...)	     check_ranges(HERE, actual, RANGES(__VA_ARGS__))
#define expect_same_ranges(actual, expected) check_ranges(HERE, actual, expected)
void check_ranges(const char *file, int line, struct range_list actual, struct range_list expected);

#endif
