/* SPDX-License-Identifier: MIT */
/*
 * Every step that may fail in the user API fails in turn: each scenario is run with the n-th failure injected, n = 1, 2, 3 ... until it
 * runs through. What fails must fail with an errno, leave things as they were, and work when asked again; what leaks is
 * found by the leak checker.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "base/fault.h"

enum {
	PAGE = 4096,
	PAGES = 8,
	LIMIT = 1000
};

#define IOVA UINT64_C(0x10000)

static struct uiommufd *ctx;
static struct uiommufd_iommu *iommu;
static struct uiommufd_endpoint *device;
static uint32_t ioas_id;
static char *buffer;

static int call(unsigned int cmd, void *arg)
{
	return uiommufd_ioctl(ctx, NULL, cmd, (uintptr_t)arg);
}

static int alloc_ioas(uint32_t *id)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};
	int rc = call(IOMMU_IOAS_ALLOC, &cmd);

	*id = cmd.out_ioas_id;
	return rc;
}

static int map_pages(uint32_t flags)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas_id,
		.user_va = (uintptr_t)buffer,
		.length = PAGES * PAGE,
		.iova = IOVA,
	};

	return call(IOMMU_IOAS_MAP, &cmd);
}

static int attach(void)
{
	uint32_t pt_id = ioas_id;

	return uiommufd_endpoint_attach(device, UIOMMUFD_NO_PASID, &pt_id);
}

static int set_up(void **state)
{
	uint32_t id;

	(void)state;
	buffer = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	assert_ptr_not_equal(buffer, MAP_FAILED);
	assert_int_equal(uiommufd_open(NULL, &ctx), 0);
	assert_int_equal(uiommufd_iommu_create("amd", "amd0", &iommu), 0);
	assert_int_equal(uiommufd_endpoint_create(iommu, "device", &device), 0);
	assert_int_equal(uiommufd_endpoint_bind(device, ctx, &id), 0);
	assert_int_equal(alloc_ioas(&ioas_id), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fault_arm(0);
	uiommufd_endpoint_destroy(device);
	uiommufd_iommu_put(iommu);
	uiommufd_close(ctx);
	munmap(buffer, PAGES * PAGE);
	return 0;
}

static bool mapped(uint64_t iova)
{
	void *addr;

	return !uiommufd_translate(device, UIOMMUFD_NO_PASID, iova, 0, &addr, NULL);
}

/* Runs @step with each failure in turn until it succeeds without one; @check looks at the state after a failure. */
static void fail_each(int (*step)(void), void (*check)(void))
{
	for (uint64_t n = 1; n < LIMIT; n++) {
		uint64_t left;
		int rc;

		fault_arm(n);
		rc = step();
		left = fault_left();
		fault_arm(0);
		if (left) {
			assert_int_equal(rc, 0);
			assert_true(n > 1);
			return;
		}
		/* The failure may have been one that the step can do without. */
		if (!rc)
			return;
		assert_true(rc < 0);
		if (check)
			check();
	}
	fail_msg("still failing after %d failures", LIMIT);
}

static int open_step(void)
{
	struct uiommufd *other = NULL;
	int rc = uiommufd_open(NULL, &other);

	if (!rc)
		uiommufd_close(other);
	return rc;
}

static void open_survives_each_failure(void **state)
{
	(void)state;
	fail_each(open_step, NULL);
}

static int alloc_step(void)
{
	uint32_t id;

	return alloc_ioas(&id);
}

static void ioas_alloc_survives_each_failure(void **state)
{
	uint32_t id;

	(void)state;
	fail_each(alloc_step, NULL);
	/* None of the failed ones has kept an ID: device 1, IOAS 2, and the one that worked. */
	assert_int_equal(alloc_ioas(&id), 0);
	assert_int_equal(id, 4);
}

static int map_step(void)
{
	return map_pages(IOMMU_IOAS_MAP_FIXED_IOVA);
}

static void nothing_is_mapped(void)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas_id,
		.length = UINT64_MAX,
	};

	for (int i = 0; i < PAGES; i++)
		assert_false(mapped(IOVA + (uint64_t)i * PAGE));
	assert_int_equal(call(IOMMU_IOAS_UNMAP, &cmd), 0);
	assert_int_equal(cmd.length, 0);
}

static void map_without_a_device_survives_each_failure(void **state)
{
	(void)state;
	fail_each(map_step, nothing_is_mapped);
}

static void map_with_a_device_survives_each_failure(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	fail_each(map_step, nothing_is_mapped);
	assert_true(mapped(IOVA));
	assert_true(mapped(IOVA + (PAGES - 1) * PAGE));
}

static int copy_step(void)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.dst_ioas_id = ioas_id,
		.src_ioas_id = ioas_id,
		.length = 2 * PAGE,
		.dst_iova = IOVA + (UINT64_C(1) << 32),
		.src_iova = IOVA + PAGE,
	};

	return call(IOMMU_IOAS_COPY, &cmd);
}

static void copy_is_not_there(void)
{
	assert_true(mapped(IOVA + PAGE));
	assert_false(mapped(IOVA + (UINT64_C(1) << 32)));
	assert_false(mapped(IOVA + (UINT64_C(1) << 32) + PAGE));
}

static void copy_survives_each_failure(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	assert_int_equal(map_step(), 0);
	fail_each(copy_step, copy_is_not_there);
	assert_true(mapped(IOVA + (UINT64_C(1) << 32) + PAGE));
}

/* A failed attach leaves the IOAS as wide as it was. */
static void ioas_is_full_width(void)
{
	struct iommu_iova_range range;
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas_id,
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)&range,
	};

	assert_int_equal(call(IOMMU_IOAS_IOVA_RANGES, &cmd), 0);
	assert_int_equal(range.start, 0);
	assert_int_equal(range.last, UINT64_MAX);
	assert_false(mapped(IOVA));
}

static void attach_survives_each_failure(void **state)
{
	(void)state;
	assert_int_equal(map_step(), 0);
	fail_each(attach, ioas_is_full_width);
	assert_true(mapped(IOVA));
}

static int allow_step(void)
{
	const struct iommu_iova_range ranges[] = {{0x1000, 0xffff}, {0x20000, 0x2ffff}};
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas_id,
		.num_iovas = 2,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return call(IOMMU_IOAS_ALLOW_IOVAS, &cmd);
}

static void allow_survives_each_failure(void **state)
{
	(void)state;
	fail_each(allow_step, NULL);
}

static int bind_step(void)
{
	uint32_t id;

	return uiommufd_endpoint_bind(device, ctx, &id);
}

static void bind_survives_each_failure(void **state)
{
	(void)state;
	uiommufd_endpoint_unbind(device);
	fail_each(bind_step, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FAULT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		FAULT_TEST(open_survives_each_failure),
		FAULT_TEST(ioas_alloc_survives_each_failure),
		FAULT_TEST(map_without_a_device_survives_each_failure),
		FAULT_TEST(map_with_a_device_survives_each_failure),
		FAULT_TEST(copy_survives_each_failure),
		FAULT_TEST(attach_survives_each_failure),
		FAULT_TEST(allow_survives_each_failure),
		FAULT_TEST(bind_survives_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
