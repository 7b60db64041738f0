/* SPDX-License-Identifier: MIT */
/* IOMMU_OPTION and IOMMU_VFIO_IOAS [OPTION]. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include "conformance.h"
#include "groups.h"
#include "privilege.h"

#define RLIMIT_MODE(...) CMD(iommu_option, .option_id = IOMMU_OPTION_RLIMIT_MODE, __VA_ARGS__)
#define HUGE_PAGES(...)	 CMD(iommu_option, .option_id = IOMMU_OPTION_HUGE_PAGES, __VA_ARGS__)
#define SET		 .op = IOMMU_OPTION_OP_SET
#define GET		 .op = IOMMU_OPTION_OP_GET

static void option_with_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION, RLIMIT_MODE(GET, .__reserved = 1));
	/* Also of an IOAS that does not exist. */
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION,
		     HUGE_PAGES(GET, .__reserved = 0x8000, .object_id = 99));
}

static void unknown_options_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t id = 2; id; id <<= 1) {
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION,
			     CMD(iommu_option, .option_id = id, GET));
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION,
			     CMD(iommu_option, .option_id = id, SET, .object_id = 99));
	}
}

/* ---- RLIMIT_MODE ---- */

static uint64_t rlimit_mode(int iommu)
{
	struct iommu_option *option = RLIMIT_MODE(GET, .val64 = 77);

	expect_ok(iommu, IOMMU_OPTION, option);
	return option->val64;
}

static void need_sys_resource(void)
{
	if (!has_capability(CAP_SYS_RESOURCE))
		skip_test("needs CAP_SYS_RESOURCE");
}

static void rlimit_mode_of_an_object_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION, RLIMIT_MODE(GET, .object_id = t->ioas));
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .object_id = 99));
}

static void rlimit_mode_is_user_at_first(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(rlimit_mode(t->iommu), 0);
}

static void get_without_privilege(void *arg)
{
	(void)arg;
	if (has_capability(CAP_SYS_RESOURCE))
		drop_capability(CAP_SYS_RESOURCE);
	expect_equal(rlimit_mode(open_context()), 0);
}

static void rlimit_mode_can_be_read_without_privilege(void **state)
{
	fixture(state);
	run_in_child(get_without_privilege, NULL);
}

static void set_without_privilege(void *arg)
{
	int iommu = open_context();

	(void)arg;
	if (has_capability(CAP_SYS_RESOURCE))
		drop_capability(CAP_SYS_RESOURCE);
	expect_errno(EPERM, iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 1));
	expect_errno(EPERM, iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 2));
	new_ioas(iommu);
	expect_errno(EPERM, iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 1));
	expect_equal(rlimit_mode(iommu), 0);
}

static void rlimit_mode_set_without_privilege_is_EPERM(void **state)
{
	fixture(state);
	run_in_child(set_without_privilege, NULL);
}

static void rlimit_mode_set_while_an_object_exists_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	need_sys_resource();
	expect_errno(EBUSY, t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 1));
	/* Even to what it is, or to what it cannot be. */
	expect_errno(EBUSY, t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 0));
	expect_errno(EBUSY, t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 2));
	destroy(t->iommu, t->ioas);
	expect_ok(t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 1));
	expect_equal(rlimit_mode(t->iommu), 1);
}

static void rlimit_mode_set_with_a_bound_device_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	need_sys_resource();
	destroy(t->iommu, t->ioas);
	expect_errno(EBUSY, t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 1));
}

static void rlimit_mode_is_0_or_1(void **state)
{
	struct fixture *t = fixture(state);

	need_sys_resource();
	expect_errno(EINVAL, t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 2));
	expect_errno(EINVAL, t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 1ull << 32));
	expect_ok(t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 1));
	expect_equal(rlimit_mode(t->iommu), 1);
	expect_ok(t->iommu, IOMMU_OPTION, RLIMIT_MODE(SET, .val64 = 0));
	expect_equal(rlimit_mode(t->iommu), 0);
}

static void rlimit_mode_other_ops_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION, RLIMIT_MODE(.op = 2));
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION, RLIMIT_MODE(.op = 0x100));
}

static void rlimit_mode_of_the_container_is_mm(void **state)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	fixture(state);
	if (container < 0)
		skip_test("no /dev/vfio/vfio");
	close_later(container);
	if (do_ioctl(container, IOMMU_IOAS_ALLOC, CMD(iommu_ioas_alloc)) == -ENOTTY)
		skip_test("/dev/vfio/vfio is not provided by iommufd");
	expect_equal(rlimit_mode(container), 1);
}

/* ---- HUGE_PAGES ---- */

static uint64_t huge_pages(const struct fixture *t)
{
	struct iommu_option *option = HUGE_PAGES(GET, .object_id = t->ioas, .val64 = 77);

	expect_ok(t->iommu, IOMMU_OPTION, option);
	return option->val64;
}

static void expect_set(int error, const struct fixture *t, uint64_t value)
{
	expect_errno(error, t->iommu, IOMMU_OPTION,
		     HUGE_PAGES(SET, .object_id = t->ioas, .val64 = value));
}

static void huge_pages_of_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(ENOENT, t->iommu, IOMMU_OPTION, HUGE_PAGES(GET, .object_id = 99));
	expect_errno(ENOENT, t->iommu, IOMMU_OPTION, HUGE_PAGES(SET, .object_id = 0, .val64 = 7));
	expect_errno(ENOENT, t->iommu, IOMMU_OPTION, HUGE_PAGES(.op = 9, .object_id = 99));
}

static void huge_pages_are_set_and_read(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(huge_pages(t), 1);
	expect_set(0, t, 0);
	expect_equal(huge_pages(t), 0);
	expect_set(0, t, 0);
	expect_set(0, t, 1);
	expect_set(0, t, 1);
	expect_equal(huge_pages(t), 1);
}

static void huge_pages_off_with_page_table_and_area_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_set(EINVAL, t, 0);
	expect_equal(huge_pages(t), 1);
	/* On is fine, and so is off with only one of the two. */
	expect_set(0, t, 1);
	unmap(t->iommu, t->ioas, IOVA, PAGE);
	expect_set(0, t, 0);
	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_set(0, t, 0);
	expect_set(0, t, 1);
	expect_set(EINVAL, t, 0);
	detach_device(t->device);
	expect_set(0, t, 0);
}

static void huge_pages_off_with_areas_that_do_not_conform_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), 100);
	expect_set(EADDRINUSE, t, 0);
	expect_equal(huge_pages(t), 1);
	unmap(t->iommu, t->ioas, IOVA, 100);
	expect_set(0, t, 0);
}

static void huge_pages_other_values_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	expect_set(EINVAL, t, 2);
	expect_set(EINVAL, t, UINT64_C(1) << 32);
	expect_set(EINVAL, t, UINT64_MAX);
	expect_equal(huge_pages(t), 1);
}

static void huge_pages_other_ops_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_OPTION,
		     HUGE_PAGES(.op = 2, .object_id = t->ioas, .val64 = 9));
}

/* ---- VFIO_IOAS ---- */

#define COMPAT(...) CMD(iommu_vfio_ioas, __VA_ARGS__)

static void vfio_ioas_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	for (uint16_t op = IOMMU_VFIO_IOAS_GET; op <= IOMMU_VFIO_IOAS_CLEAR; op++)
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_VFIO_IOAS,
			     COMPAT(.op = op, .ioas_id = 99, .__reserved = 1));
}

static void vfio_ioas_get_of_none_is_ENODEV(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(ENODEV, t->iommu, IOMMU_VFIO_IOAS, COMPAT(.op = IOMMU_VFIO_IOAS_GET));
}

static void vfio_ioas_set_to_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(ENOENT, t->iommu, IOMMU_VFIO_IOAS,
		     COMPAT(.op = IOMMU_VFIO_IOAS_SET, .ioas_id = 99));
	expect_errno(ENOENT, t->iommu, IOMMU_VFIO_IOAS, COMPAT(.op = IOMMU_VFIO_IOAS_SET));
}

static void vfio_ioas_other_ops_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_VFIO_IOAS, COMPAT(.op = 3, .ioas_id = t->ioas));
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_VFIO_IOAS, COMPAT(.op = 0x8000));
}

static void vfio_ioas_is_set_replaced_read_and_cleared(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_vfio_ioas *get = COMPAT(.op = IOMMU_VFIO_IOAS_GET);
	uint32_t other = new_ioas(t->iommu);

	expect_ok(t->iommu, IOMMU_VFIO_IOAS, COMPAT(.op = IOMMU_VFIO_IOAS_CLEAR));
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, COMPAT(.op = IOMMU_VFIO_IOAS_SET, .ioas_id = t->ioas));
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, get);
	expect_equal(get->ioas_id, t->ioas);
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, COMPAT(.op = IOMMU_VFIO_IOAS_SET, .ioas_id = other));
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, get);
	expect_equal(get->ioas_id, other);
	/* An ID that does not exist leaves it as it is. */
	expect_errno(ENOENT, t->iommu, IOMMU_VFIO_IOAS,
		     COMPAT(.op = IOMMU_VFIO_IOAS_SET, .ioas_id = 99));
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, get);
	expect_equal(get->ioas_id, other);
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, COMPAT(.op = IOMMU_VFIO_IOAS_CLEAR));
	expect_errno(ENODEV, t->iommu, IOMMU_VFIO_IOAS, get);
	destroy(t->iommu, other);
}

static void noiommu_get_pa_is_not_built_in(void **state)
{
	struct fixture *t = fixture(state);
	int result = do_ioctl(t->iommu, IOMMU_IOAS_NOIOMMU_GET_PA,
			      CMD(iommu_ioas_noiommu_get_pa, .ioas_id = t->ioas));

	/* On a kernel that has it, or does not know of it, it is not for this test. */
	if (result == -EPERM || result == -EINVAL || result == -ENOTTY)
		skip_test("this kernel has IOMMU_IOAS_NOIOMMU_GET_PA, or is older");
	expect_equal(-result, EOPNOTSUPP);
}

int ioas_option(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, option_with_reserved_is_EOPNOTSUPP, "OPTION.1"),
		CASE(context, unknown_options_are_EOPNOTSUPP, "OPTION.2"),
		CASE(ioas, rlimit_mode_of_an_object_is_EOPNOTSUPP, "OPTION-RLIMIT.1"),
		CASE(ioas, rlimit_mode_is_user_at_first, "OPTION-RLIMIT.2, NODES.1"),
		CASE(context, rlimit_mode_can_be_read_without_privilege, "OPTION-RLIMIT.2"),
		CASE(context, rlimit_mode_set_without_privilege_is_EPERM, "OPTION-RLIMIT.3"),
		CASE(ioas, rlimit_mode_set_while_an_object_exists_is_EBUSY, "OPTION-RLIMIT.4"),
		CASE(bound, rlimit_mode_set_with_a_bound_device_is_EBUSY, "OPTION-RLIMIT"),
		CASE(context, rlimit_mode_is_0_or_1, "OPTION-RLIMIT.5"),
		CASE(context, rlimit_mode_other_ops_are_EOPNOTSUPP, "OPTION-RLIMIT.6"),
		CASE(context, rlimit_mode_of_the_container_is_mm, "OPTION-RLIMIT, NODES.2"),
		CASE(ioas, huge_pages_of_no_ioas_is_ENOENT, "OPTION-HUGE-PAGES.1"),
		CASE(ioas, huge_pages_are_set_and_read, "OPTION-HUGE-PAGES.2..3"),
		CASE(attached, huge_pages_off_with_page_table_and_area_is_EINVAL,
		     "OPTION-HUGE-PAGES.4, OPTION-HUGE-PAGES.6"),
		CASE(ioas, huge_pages_off_with_areas_that_do_not_conform_is_EADDRINUSE,
		     "OPTION-HUGE-PAGES.5"),
		CASE(ioas, huge_pages_other_values_are_EINVAL, "OPTION-HUGE-PAGES.7"),
		CASE(ioas, huge_pages_other_ops_are_EOPNOTSUPP, "OPTION-HUGE-PAGES.8"),
		CASE(ioas, vfio_ioas_reserved_is_EOPNOTSUPP, "VFIO-IOAS.1"),
		CASE(ioas, vfio_ioas_get_of_none_is_ENODEV, "VFIO-IOAS.2"),
		CASE(ioas, vfio_ioas_set_to_no_ioas_is_ENOENT, "VFIO-IOAS.3"),
		CASE(ioas, vfio_ioas_other_ops_are_EOPNOTSUPP, "VFIO-IOAS.4"),
		CASE(ioas, vfio_ioas_is_set_replaced_read_and_cleared, "VFIO-IOAS"),
		CASE(ioas, noiommu_get_pa_is_not_built_in, "NOIOMMU-GET-PA"),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
