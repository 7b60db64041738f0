/* SPDX-License-Identifier: MIT */
#include "ext.h"

#include <errno.h>

int setup_ext(void **state)
{
	return setup_ioas(state);
}

struct fixture *ext_fixture(void **state)
{
	struct fixture *t = fixture(state);

	if (do_ioctl(t->iommu, IOMMU_RESV_IOVA_RANGES, CMD(iommu_resv_iova_ranges)) == -ENOTTY)
		skip_test("the kernel does not have the extensions");
	return t;
}

int ext_bind(const struct fixture *t, enum ext_device which, uint32_t *dev_id)
{
	int device = need_device(which);

	*dev_id = bind_device(device, t->iommu);
	return device;
}

struct range_list reserved_ranges(const struct fixture *t, uint32_t dev_id)
{
	struct range_list list;
	struct iommu_resv_iova_ranges cmd = {
		.size = sizeof(cmd),
		.dev_id = dev_id,
		.num_iovas = MAX_RANGES,
		.resv_iovas = (uintptr_t)list.ranges,
	};

	expect_ok(t->iommu, IOMMU_RESV_IOVA_RANGES, &cmd);
	list.count = cmd.num_iovas;
	return list;
}

struct range_list permitted_ranges(const struct fixture *t, uint32_t dev_id, uint64_t *alignment)
{
	struct range_list list;
	struct iommu_dev_iova_ranges cmd = {
		.size = sizeof(cmd),
		.dev_id = dev_id,
		.num_iovas = MAX_RANGES,
		.allowed_iovas = (uintptr_t)list.ranges,
	};

	expect_ok(t->iommu, IOMMU_DEV_IOVA_RANGES, &cmd);
	list.count = cmd.num_iovas;
	if (alignment)
		*alignment = cmd.out_iova_alignment;
	return list;
}

struct range_list usable_ranges(const struct fixture *t, uint32_t ioas, uint64_t *alignment)
{
	struct range_list list;

	list.count = iova_ranges(t->iommu, ioas, list.ranges, MAX_RANGES, alignment);
	return list;
}

void check_ranges(const char *file, int line, struct range_list actual, struct range_list expected)
{
	if (actual.count != expected.count)
		conformance_fail(file, line, "%u ranges, expected %u", actual.count,
				 expected.count);
	for (uint32_t i = 0; i < actual.count; i++) {
		if (actual.ranges[i].start != expected.ranges[i].start ||
		    actual.ranges[i].last != expected.ranges[i].last)
			conformance_fail(file, line,
					 "range %u is 0x%llx-0x%llx, expected 0x%llx-0x%llx", i,
					 (unsigned long long)actual.ranges[i].start,
					 (unsigned long long)actual.ranges[i].last,
					 (unsigned long long)expected.ranges[i].start,
					 (unsigned long long)expected.ranges[i].last);
	}
}
