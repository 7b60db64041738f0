/* SPDX-License-Identifier: MIT */
/* References, IOMMU_DESTROY, close [DESTROY], [AUTO-HWPT], [CLOSE]. */
#include <errno.h>
#include <unistd.h>

#include "conformance.h"
#include "groups.h"

static void expect_destroy(int error, int iommu, uint32_t id)
{
	expect_errno(error, iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = id));
}

static void destroy_of_no_object_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 2, 1000, INT32_MAX, 0x80000000, 0x80000001, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		expect_destroy(ENOENT, t->iommu, ids[i]);
	destroy(t->iommu, t->ioas);
	expect_destroy(ENOENT, t->iommu, t->ioas);
}

static void destroy_of_an_ioas_with_a_page_table_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	expect_destroy(EBUSY, t->iommu, t->ioas);
}

static void destroy_of_a_device_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	expect_destroy(EBUSY, t->iommu, t->dev_id);
	attach_device(t->device, t->ioas);
	expect_destroy(EBUSY, t->iommu, t->dev_id);
}

static void destroy_of_an_attached_auto_hwpt_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	expect_destroy(EBUSY, t->iommu, t->hwpt);
}

static void destroy_changes_nothing_on_EBUSY(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_destroy(EBUSY, t->iommu, t->ioas);
	expect_destroy(EBUSY, t->iommu, t->hwpt);
	expect_true(is_mapped(t->iommu, t->ioas, IOVA));
	expect_equal(attach_device(t->device, t->ioas), t->hwpt);
}

static void an_auto_hwpt_goes_with_its_last_attachment(void **state)
{
	struct fixture *t = fixture(state);

	detach_device(t->device);
	expect_destroy(ENOENT, t->iommu, t->hwpt);
	destroy(t->iommu, t->ioas);
}

static void an_auto_hwpt_goes_with_its_last_replacement(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	attach_device(t->device, other);
	expect_destroy(ENOENT, t->iommu, t->hwpt);
	destroy(t->iommu, t->ioas);
	expect_destroy(EBUSY, t->iommu, other);
}

static void mappings_do_not_hold_their_ioas(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(16 * PAGE), 16 * PAGE);
	destroy(t->iommu, t->ioas);
	expect_equal(new_ioas(t->iommu), t->ioas);
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
}

static void destroying_the_compat_ioas_leaves_none(void **state)
{
	struct fixture *t = fixture(state);

	expect_ok(t->iommu, IOMMU_VFIO_IOAS,
		  CMD(iommu_vfio_ioas, .op = IOMMU_VFIO_IOAS_SET, .ioas_id = t->ioas));
	destroy(t->iommu, t->ioas);
	expect_errno(ENODEV, t->iommu, IOMMU_VFIO_IOAS,
		     CMD(iommu_vfio_ioas, .op = IOMMU_VFIO_IOAS_GET));
}

static void a_bound_device_keeps_the_context(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	close(t->iommu);
	t->hwpt = attach_device(t->device, t->ioas);
	expect_true(t->hwpt > t->dev_id);
	detach_device(t->device);
	expect_errno(ENOENT, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = t->hwpt));
	attach_device(t->device, t->ioas);
}

static void closing_the_device_after_the_iommufd_ends_the_context(void **state)
{
	struct fixture *t = fixture(state);
	int device, iommu;

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	close(t->iommu);
	close(t->device);
	device = need_device(0);
	iommu = open_context();
	expect_equal(bind_device(device, iommu), 1);
}

static void closing_the_device_detaches_and_unbinds_it(void **state)
{
	struct fixture *t = fixture(state);

	close(t->device);
	expect_destroy(ENOENT, t->iommu, t->dev_id);
	expect_destroy(ENOENT, t->iommu, t->hwpt);
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), 1);
	destroy(t->iommu, t->ioas);
}

static void a_duplicate_of_the_device_keeps_it_bound(void **state)
{
	struct fixture *t = fixture(state);
	int copy = close_later(dup(t->device));

	close(t->device);
	expect_destroy(EBUSY, t->iommu, t->dev_id);
	detach_device(copy);
	close(copy);
	expect_destroy(ENOENT, t->iommu, t->dev_id);
}

static void closing_the_context_frees_whatever_is_there(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t i = 0; i < 50; i++)
		map_at(t->iommu, new_ioas(t->iommu), RW, IOVA, mem_pages(PAGE), PAGE);
	close(t->iommu);
	/* Nothing of it can be seen; the device proves that it is free. */
	close(t->device);
	bind_device(need_device(0), open_context());
}

int model_destroy(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, destroy_of_no_object_is_ENOENT, "DESTROY.1"),
		CASE(attached, destroy_of_an_ioas_with_a_page_table_is_EBUSY, "DESTROY.2"),
		CASE(bound, destroy_of_a_device_is_EBUSY, "DESTROY.2"),
		CASE(attached, destroy_of_an_attached_auto_hwpt_is_EBUSY, "DESTROY"),
		CASE(attached, destroy_changes_nothing_on_EBUSY, "DESTROY.2"),
		CASE(attached, an_auto_hwpt_goes_with_its_last_attachment, "AUTO-HWPT"),
		CASE(attached, an_auto_hwpt_goes_with_its_last_replacement, "AUTO-HWPT"),
		CASE(ioas, mappings_do_not_hold_their_ioas, "DESTROY"),
		CASE(ioas, destroying_the_compat_ioas_leaves_none, "DESTROY"),
		CASE(bound, a_bound_device_keeps_the_context, "CLOSE"),
		CASE(attached, closing_the_device_after_the_iommufd_ends_the_context, "CLOSE"),
		CASE(attached, closing_the_device_detaches_and_unbinds_it, "CLOSE, OBJECTS.4"),
		CASE(attached, a_duplicate_of_the_device_keeps_it_bound, "CLOSE"),
		CASE(attached, closing_the_context_frees_whatever_is_there, "CLOSE"),
	};

	return cmocka_run_group_tests_name("IOMMU_DESTROY and close", tests, NULL, NULL);
}
