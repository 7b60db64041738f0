/* SPDX-License-Identifier: MIT */
/* Targets of attach, automatic page tables, detach [ATTACH], [DETACH]. */
#include <errno.h>

#include "conformance.h"
#include "groups.h"

static void expect_attach(int error, int device, uint32_t pt_id)
{
	expect_errno(error, device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = pt_id));
}

static void attach_to_an_unknown_id_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, 0x7fffffff, 0x80000000, UINT32_MAX};
	uint32_t gone = new_ioas(t->iommu);

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		expect_attach(ENOENT, t->device, ids[i]);
	destroy(t->iommu, gone);
	expect_attach(ENOENT, t->device, gone);
}

static void attach_to_neither_ioas_nor_hwpt_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	expect_attach(EINVAL, t->device, t->dev_id);
}

static void attaching_to_an_ioas_returns_the_id_of_a_new_hwpt(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(attach_device(t->device, t->ioas), t->dev_id + 1);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->dev_id + 1));
}

static void a_failed_attach_takes_no_id(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	expect_attach(EFAULT, t->device, t->ioas);
	expect_equal(new_ioas(t->iommu), t->dev_id + 1);
	/* Nor does it hold the IOAS. */
	destroy(t->iommu, t->ioas);
}

static void an_ioas_of_another_context_is_not_found(void **state)
{
	struct fixture *t = fixture(state);
	int other = open_context();
	uint32_t id = 0;

	while (id < 10)
		id = new_ioas(other);
	expect_attach(ENOENT, t->device, id);
}

/* Binds the second device to the fixture's context. */
static int second_device(const struct fixture *t)
{
	int device = need_device(1);

	bind_device(device, t->iommu);
	return device;
}

static void a_second_device_joins_the_auto_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	int second = second_device(t);

	/* On other machines it may be behind an IOMMU that needs a table of its own. */
	if (attach_device(second, t->ioas) != t->hwpt)
		skip_test("the devices do not share page tables");
	detach_device(t->device);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->hwpt));
	expect_equal(attach_device(t->device, t->ioas), t->hwpt);
	detach_device(second);
	detach_device(t->device);
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->hwpt));
}

static void an_auto_hwpt_can_be_attached_by_its_id(void **state)
{
	struct fixture *t = fixture(state);
	int second = second_device(t);

	if (attach_device(second, t->ioas) != t->hwpt)
		skip_test("the devices do not share page tables");
	detach_device(second);
	expect_equal(attach_device(second, t->hwpt), t->hwpt);
	/* It stays automatic. */
	detach_device(t->device);
	detach_device(second);
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->hwpt));
}

static void an_auto_hwpt_lives_until_both_devices_have_detached(void **state)
{
	struct fixture *t = fixture(state);
	int second = second_device(t);

	attach_device(second, t->ioas);
	detach_device(t->device);
	detach_device(t->device);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
	detach_device(second);
	destroy(t->iommu, t->ioas);
}

static void detaching_an_unattached_device_succeeds(void **state)
{
	struct fixture *t = fixture(state);

	detach_device(t->device);
	attach_device(t->device, t->ioas);
	detach_device(t->device);
	detach_device(t->device);
}

static void detaching_the_last_device_frees_the_auto_hwpt(void **state)
{
	struct fixture *t = fixture(state);

	detach_device(t->device);
	expect_attach(ENOENT, t->device, t->hwpt);
	destroy(t->iommu, t->ioas);
}

static void attach_and_detach_can_be_repeated(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(4 * PAGE), 4 * PAGE);
	for (int i = 0; i < 100; i++) {
		expect_equal(attach_device(t->device, t->ioas), t->dev_id + 1);
		detach_device(t->device);
	}
}

int attach_hwpt(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, attach_to_an_unknown_id_is_ENOENT, "ATTACH.1"),
		CASE(bound, attach_to_neither_ioas_nor_hwpt_is_EINVAL, "ATTACH.2"),
		CASE(bound, attaching_to_an_ioas_returns_the_id_of_a_new_hwpt, "ATTACH, OBJECTS.2"),
		CASE(bound, a_failed_attach_takes_no_id, "ATTACH"),
		CASE(bound, an_ioas_of_another_context_is_not_found, "ATTACH.1"),
		CASE(attached, a_second_device_joins_the_auto_hwpt, "ATTACH"),
		CASE(attached, an_auto_hwpt_can_be_attached_by_its_id, "ATTACH"),
		CASE(attached, an_auto_hwpt_lives_until_both_devices_have_detached, "ATTACH"),
		CASE(bound, detaching_an_unattached_device_succeeds, "DETACH"),
		CASE(attached, detaching_the_last_device_frees_the_auto_hwpt, "DETACH"),
		CASE(bound, attach_and_detach_can_be_repeated, "REPLACE"),
	};

	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
