/* SPDX-License-Identifier: MIT */
/*
 * Attachments of nested tables, of tables of other IOMMUs, and with PASIDs [ATTACH], [REPLACE],
 * [PASID].
 */
#include <errno.h>

#include "groups.h"
#include "nested.h"

/* The fixture's device, and one with PASIDs, whose RID goes through a table that allows them. */
static struct mock pasid_mock;

static int setup_pasids(void **state)
{
	struct fixture *t;

	if (setup_viommu(state))
		return -1;
	t = *state;
	t->hwpt = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID);
	pasid_mock = add_mock(t->iommu, t->hwpt, MOCK_DEVICE_PASID);
	return 0;
}

#define replace_errno(error, of, target) \
	test_errno(error, t->iommu, MOCK_DOMAIN_REPLACE, of, .mock_domain_replace.pt_id = target)
#define pasid_ok(op, number, target)                    \
	test_ok(t->iommu, PASID_##op, pasid_mock.stdev, \
		.pasid_attach = {.pasid = number, .pt_id = target})
#define pasid_errno(error, op, number, target)                    \
	test_errno(error, t->iommu, PASID_##op, pasid_mock.stdev, \
		   .pasid_attach = {.pasid = number, .pt_id = target})

static void expect_attached(const struct fixture *t, uint32_t stdev, uint32_t pasid, uint32_t hwpt)
{
	test_ok(t->iommu, PASID_CHECK_HWPT, stdev,
		.pasid_check_hwpt = {.pasid = pasid, .hwpt_id = hwpt});
}

/* ---- nested tables ---- */

static void a_nested_hwpt_can_be_attached(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);
	struct mock other = add_mock(t->iommu, hwpt, 0);

	expect_equal(other.hwpt, hwpt);
	expect_busy(t->iommu, hwpt);
	destroy(t->iommu, other.stdev);
	destroy(t->iommu, hwpt);
}

static void a_device_moves_between_hwpts_and_back(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t one = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);
	uint32_t two = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);

	move_mock(t->iommu, mock.stdev, one);
	/* The automatic one had no other user. */
	expect_gone(t->iommu, mock.hwpt);
	expect_busy(t->iommu, one);
	move_mock(t->iommu, mock.stdev, two);
	destroy(t->iommu, one);
	move_mock(t->iommu, mock.stdev, nested.parent);
	destroy(t->iommu, two);
	expect_attached(t, mock.stdev, 0, nested.parent);
	move_mock(t->iommu, mock.stdev, t->ioas);
	destroy(t->iommu, nested.parent);
}

static void attaching_a_nested_hwpt_on_a_viommu_needs_a_vdevice(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = nested_hwpt(t->iommu, mock.idev, nested.viommu, 0);
	uint32_t vdevice;

	replace_errno(ENOENT, mock.stdev, hwpt);
	test_errno(ENOENT, t->iommu, MOCK_DOMAIN, hwpt);
	expect_attached(t, mock.stdev, 0, mock.hwpt);
	vdevice = new_vdevice(t->iommu, nested.viommu, mock.idev, 1);
	move_mock(t->iommu, mock.stdev, hwpt);
	expect_attached(t, mock.stdev, 0, hwpt);
	/* Nobody holds it. */
	destroy(t->iommu, vdevice);
	expect_attached(t, mock.stdev, 0, hwpt);
}

static void attaching_a_nested_hwpt_needs_a_vdevice_of_its_viommu(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_viommu(t->iommu, mock.idev, nested.parent, IOMMU_VIOMMU_TYPE_SELFTEST);
	uint32_t hwpt = nested_hwpt(t->iommu, mock.idev, nested.viommu, 0);

	new_vdevice(t->iommu, other, mock.idev, 1);
	replace_errno(ENOENT, mock.stdev, hwpt);
}

/* ---- tables of another IOMMU ---- */

static void attach_to_a_hwpt_of_another_iommu_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	int device = need_device(0);
	uint32_t ioas = new_ioas(t->iommu), other = bind_device(device, t->iommu), hwpt;
	uint32_t mocks = new_hwpt(t->iommu, mock.idev, ioas, 0);

	expect_errno(EINVAL, device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = mocks));
	hwpt = new_hwpt(t->iommu, other, ioas, 0);
	test_errno(EINVAL, t->iommu, MOCK_DOMAIN, hwpt);
	replace_errno(EINVAL, mock.stdev, hwpt);
	expect_attached(t, mock.stdev, 0, mock.hwpt);
	/* And it is free again. */
	destroy(t->iommu, hwpt);
	destroy(t->iommu, mocks);
	destroy(t->iommu, ioas);
}

static void devices_of_two_iommus_share_an_ioas(void **state)
{
	struct fixture *t = fixture(state);
	int device = need_device(0);
	struct iommu_iova_range ranges[8];
	uint32_t hwpt, count;

	bind_device(device, t->iommu);
	hwpt = attach_device(device, t->ioas);
	expect_true(hwpt != mock.hwpt);
	/* What either cannot reach is gone. */
	count = iova_ranges(t->iommu, t->ioas, ranges, ARRAY_SIZE(ranges), NULL);
	expect_true(count >= 1);
	expect_true(ranges[0].start >= MOCK_APERTURE_START);
	expect_true(ranges[count - 1].last <= MOCK_APERTURE_LAST);
}

/* ---- PASIDs ---- */

static void attach_of_an_attached_pasid_is_EBUSY(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t two = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID);

	pasid_ok(ATTACH, 5, t->hwpt);
	pasid_errno(EBUSY, ATTACH, 5, t->hwpt);
	pasid_errno(EBUSY, ATTACH, 5, two);
	pasid_ok(ATTACH, 6, two);
	/* The auto HWPTs of the IOAS say so, too. */
	pasid_errno(EBUSY, ATTACH, 5, t->ioas);
}

static void attach_of_a_pasid_to_an_ioas_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	pasid_errno(EINVAL, ATTACH, 5, t->ioas);
	pasid_ok(ATTACH, 5, t->hwpt);
	pasid_errno(EINVAL, REPLACE, 5, t->ioas);
	expect_attached(t, pasid_mock.stdev, 5, t->hwpt);
}

static void a_rid_with_pasids_attached_needs_a_pasid_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t plain = new_hwpt(t->iommu, mock.idev, t->ioas, 0);
	uint32_t other = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_PASID);

	pasid_ok(ATTACH, 5, t->hwpt);
	replace_errno(EINVAL, pasid_mock.stdev, plain);
	replace_errno(EINVAL, pasid_mock.stdev, t->ioas);
	move_mock(t->iommu, pasid_mock.stdev, other);
	test_ok(t->iommu, PASID_DETACH, pasid_mock.stdev, .pasid_detach.pasid = 5);
	move_mock(t->iommu, pasid_mock.stdev, plain);
}

static void pasids_need_a_pasid_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t plain = new_hwpt(t->iommu, mock.idev, t->ioas, 0);

	pasid_errno(EINVAL, ATTACH, 5, plain);
	pasid_ok(ATTACH, 5, t->hwpt);
	pasid_errno(EINVAL, REPLACE, 5, plain);
	test_ok(t->iommu, PASID_DETACH, pasid_mock.stdev, .pasid_detach.pasid = 5);
	/* The RID's table counts as well. */
	move_mock(t->iommu, pasid_mock.stdev, plain);
	pasid_errno(EINVAL, ATTACH, 5, t->hwpt);
}

static void attach_of_a_pasid_beyond_the_device_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t plain = new_hwpt(t->iommu, mock.idev, t->ioas, 0);
	struct mock none = add_mock(t->iommu, t->hwpt, 0);

	pasid_errno(EINVAL, ATTACH, 1 << MOCK_PASID_WIDTH, t->hwpt);
	pasid_ok(ATTACH, (1 << MOCK_PASID_WIDTH) - 1, t->hwpt);
	test_errno(EINVAL, t->iommu, PASID_ATTACH, none.stdev,
		   .pasid_attach = {.pasid = 1, .pt_id = t->hwpt});
	pasid_errno(EINVAL, ATTACH, 1 << MOCK_PASID_WIDTH, plain);
}

static void attach_of_a_pasid_to_a_hwpt_of_another_driver_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu);
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_ALLOC_PASID,
		.dev_id = other_iommu(t),
		.pt_id = ioas,
	};

	if (do_ioctl(t->iommu, IOMMU_HWPT_ALLOC, &cmd) == -EOPNOTSUPP)
		skip_test("the other IOMMU has no PASIDs");
	pasid_errno(EINVAL, ATTACH, 5, cmd.out_hwpt_id);
	pasid_ok(ATTACH, 5, t->hwpt);
	pasid_errno(EINVAL, REPLACE, 5, cmd.out_hwpt_id);
	expect_attached(t, pasid_mock.stdev, 5, t->hwpt);
}

static void a_pasid_can_be_attached_to_a_nested_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t plain = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);
	uint32_t on_parent =
		nested_hwpt(t->iommu, mock.idev, nested.parent, IOMMU_HWPT_ALLOC_PASID);
	uint32_t on_viommu =
		nested_hwpt(t->iommu, mock.idev, nested.viommu, IOMMU_HWPT_ALLOC_PASID);

	pasid_errno(EINVAL, ATTACH, 7, plain);
	pasid_ok(ATTACH, 7, on_parent);
	/* On a vIOMMU only the RID needs a vDEVICE. */
	pasid_ok(ATTACH, 8, on_viommu);
	pasid_ok(REPLACE, 7, on_viommu);
	destroy(t->iommu, on_parent);
	expect_busy(t->iommu, on_viommu);
}

static void pasids_touch_no_reserved_regions(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range before[4], after[4];
	uint32_t count = iova_ranges(t->iommu, t->ioas, before, 4, NULL);

	pasid_ok(ATTACH, 5, t->hwpt);
	expect_equal(iova_ranges(t->iommu, t->ioas, after, 4, NULL), count);
	expect_equal(after[0].start, before[0].start);
	expect_equal(after[0].last, before[0].last);
}

static void replace_of_an_unattached_pasid_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	pasid_errno(EINVAL, REPLACE, 5, t->hwpt);
	pasid_errno(ENOENT, REPLACE, 5, 99);
	pasid_errno(EINVAL, REPLACE, 5, mock.idev);
}

static void replace_by_the_same_hwpt_changes_nothing(void **state)
{
	struct fixture *t = fixture(state);

	pasid_ok(ATTACH, 5, t->hwpt);
	pasid_ok(REPLACE, 5, t->hwpt);
	expect_attached(t, pasid_mock.stdev, 5, t->hwpt);
	test_ok(t->iommu, PASID_DETACH, pasid_mock.stdev, .pasid_detach.pasid = 5);
	destroy(t->iommu, pasid_mock.stdev);
	destroy(t->iommu, t->hwpt);
}

int hwpt_attach(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nested, a_nested_hwpt_can_be_attached, "ATTACH"),
		CASE(nested, a_device_moves_between_hwpts_and_back, "REPLACE"),
		CASE(viommu, attaching_a_nested_hwpt_on_a_viommu_needs_a_vdevice, "NESTED-DATA"),
		CASE(viommu, attaching_a_nested_hwpt_needs_a_vdevice_of_its_viommu, "NESTED-DATA"),
		CASE(mock, attach_to_a_hwpt_of_another_iommu_is_EINVAL,
		     "ATTACH.6, ATTACH.6c, REPLACE.6"),
		CASE(mock, devices_of_two_iommus_share_an_ioas, "ATTACH"),
		CASE(pasids, attach_of_an_attached_pasid_is_EBUSY, "ATTACH.3"),
		CASE(pasids, attach_of_a_pasid_to_an_ioas_is_EINVAL, "ATTACH"),
		CASE(pasids, a_rid_with_pasids_attached_needs_a_pasid_hwpt,
		     "PASID.1, ATTACH.6b, REPLACE.6"),
		CASE(pasids, pasids_need_a_pasid_hwpt, "PASID.2, ATTACH.6b"),
		CASE(pasids, attach_of_a_pasid_beyond_the_device_is_EINVAL, "PASID.3, DEVICE.8"),
		CASE(pasids, attach_of_a_pasid_to_a_hwpt_of_another_driver_is_EINVAL, "PASID.4"),
		CASE(pasids, a_pasid_can_be_attached_to_a_nested_hwpt, "PASID"),
		CASE(pasids, pasids_touch_no_reserved_regions, "PASID"),
		CASE(pasids, replace_of_an_unattached_pasid_is_EINVAL, "REPLACE.2"),
		CASE(pasids, replace_by_the_same_hwpt_changes_nothing, "REPLACE.4"),
	};

	return cmocka_run_group_tests_name("attachments", tests, NULL, NULL);
}
