/* SPDX-License-Identifier: MIT */
/*
 * 40-vfio, 2.2: the arguments of ATTACH and DETACH. What attaching does is in the attach_*.c
 * files.
 */
#include <errno.h>

#include "conformance.h"
#include "groups.h"

static struct vfio_device_attach_iommufd_pt good(const struct fixture *t)
{
	return (struct vfio_device_attach_iommufd_pt){
		.argsz = sizeof(struct vfio_device_attach_iommufd_pt), .pt_id = t->ioas};
}

static void expect_attach(int error, const struct fixture *t, const void *attach)
{
	expect_errno(error, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, attach);
}

static void expect_detach(int error, const struct fixture *t, const void *detach)
{
	expect_errno(error, t->device, VFIO_DEVICE_DETACH_IOMMUFD_PT, detach);
}

static void s40_2_2_attach_row1_12_bytes_that_cannot_be_read_are_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	expect_attach(EFAULT, t, NULL);
	expect_attach(EFAULT, t, before_hole(&attach, 11));
	/* Before the argsz that says there are fewer. */
	attach.argsz = 4;
	expect_attach(EFAULT, t, before_hole(&attach, 4));
}

static void s40_2_2_attach_row2_argsz_below_12_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	for (attach.argsz = 0; attach.argsz < 12; attach.argsz++)
		expect_attach(EINVAL, t, &attach);
	attach.argsz = 12;
	expect_attach(0, t, before_hole(&attach, 12));
}

static void s40_2_2_attach_row3_unknown_flags_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	for (unsigned int bit = 1; bit < 32; bit++) {
		attach.flags = 1u << bit;
		expect_attach(EINVAL, t, &attach);
	}
	attach.pt_id = 99;
	expect_attach(EINVAL, t, &attach);
}

/* Room for the PASID, but not in argsz, or not in memory. */
static void s40_2_2_attach_row5_a_pasid_needs_16_bytes(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	attach.flags = VFIO_DEVICE_ATTACH_PASID;
	for (attach.argsz = 12; attach.argsz < 16; attach.argsz++)
		expect_attach(EINVAL, t, &attach);
	attach.argsz = 16;
	expect_attach(EFAULT, t, before_hole(&attach, 12));
	expect_attach(EFAULT, t, before_hole(&attach, 15));
	destroy(t->iommu, t->ioas);
}

static void s40_2_2_attach_row6_targets_are_those_of_attach_and_replace(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	attach.pt_id = 99;
	expect_attach(ENOENT, t, &attach);
	attach.pt_id = t->dev_id;
	expect_attach(EINVAL, t, &attach);
	expect_attach(0, t, &(struct vfio_device_attach_iommufd_pt){.argsz = 16, .pt_id = t->ioas});
	attach.pt_id = 99;
	expect_attach(ENOENT, t, &attach);
	attach.pt_id = t->dev_id;
	expect_attach(EINVAL, t, &attach);
	/* An automatic table is for no PASID. */
	attach = good(t);
	attach.flags = VFIO_DEVICE_ATTACH_PASID;
	attach.pasid = 5;
	expect_attach(EINVAL, t, &attach);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
}

static void s40_2_2_quirk_pasid_0_is_the_rid(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	attach.flags = VFIO_DEVICE_ATTACH_PASID;
	expect_attach(0, t, &attach);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
	detach_device(t->device);
	destroy(t->iommu, t->ioas);
}

static void s40_2_2_attach_bytes_behind_the_structure_are_not_examined(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	attach.argsz = UINT32_MAX;
	attach.pasid = 0xabcdef;
	expect_attach(0, t, before_hole(&attach, 12));
}

static void s40_2_2_attach_writes_the_pt_id_only(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);
	struct vfio_device_attach_iommufd_pt *copy;

	copy = at_border(&attach, sizeof(attach),
			 offsetof(struct vfio_device_attach_iommufd_pt, pt_id), MEM_RO, MEM_RW);
	expect_attach(0, t, copy);
	expect_equal(copy->pt_id, t->dev_id + 1);
}

static void s40_2_2_attach_row7_a_pt_id_that_is_not_writable_detaches(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	expect_attach(EFAULT, t, read_only(&attach, sizeof(attach)));
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), 1);
	destroy(t->iommu, t->ioas);
}

static void s40_2_2_attach_row7_quirk_it_detaches_after_a_replace_too(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	attach.pt_id = new_ioas(t->iommu);
	expect_attach(EFAULT, t, read_only(&attach, sizeof(attach)));
	destroy(t->iommu, t->ioas);
	destroy(t->iommu, attach.pt_id);
}

static void s40_2_2_detach_8_bytes_that_cannot_be_read_are_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_detach_iommufd_pt detach = {.argsz = 8};

	expect_detach(EFAULT, t, NULL);
	expect_detach(EFAULT, t, before_hole(&detach, 7));
	expect_detach(0, t, before_hole(&detach, 8));
}

static void s40_2_2_detach_argsz_below_8_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_detach_iommufd_pt detach = {0};

	for (detach.argsz = 0; detach.argsz < 8; detach.argsz++)
		expect_detach(EINVAL, t, &detach);
	/* It is still attached. */
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
}

static void s40_2_2_detach_unknown_flags_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	for (unsigned int bit = 1; bit < 32; bit++)
		expect_detach(EINVAL, t,
			      VFIO_CMD(vfio_device_detach_iommufd_pt, .flags = 1u << bit));
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
}

static void s40_2_2_detach_of_a_pasid_needs_12_bytes(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_detach_iommufd_pt detach = {.flags = VFIO_DEVICE_DETACH_PASID};

	for (detach.argsz = 8; detach.argsz < 12; detach.argsz++)
		expect_detach(EINVAL, t, &detach);
	expect_detach(EFAULT, t, before_hole(&detach, 8));
	detach.pasid = 5;
	expect_detach(0, t, &detach);
	/* That was not the RID. */
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
}

static void s40_2_2_detach_of_nothing_succeeds(void **state)
{
	struct fixture *t = fixture(state);

	detach_device(t->device);
	detach_device(t->device);
}

static void s40_2_2_detach_writes_nothing(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};

	expect_detach(0, t, read_only(&detach, sizeof(detach)));
	destroy(t->iommu, t->ioas);
}

int vfio_attach(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, s40_2_2_attach_row1_12_bytes_that_cannot_be_read_are_EFAULT),
		CASE(bound, s40_2_2_attach_row2_argsz_below_12_is_EINVAL),
		CASE(bound, s40_2_2_attach_row3_unknown_flags_are_EINVAL),
		CASE(bound, s40_2_2_attach_row5_a_pasid_needs_16_bytes),
		CASE(bound, s40_2_2_attach_row6_targets_are_those_of_attach_and_replace),
		CASE(bound, s40_2_2_quirk_pasid_0_is_the_rid),
		CASE(bound, s40_2_2_attach_bytes_behind_the_structure_are_not_examined),
		CASE(bound, s40_2_2_attach_writes_the_pt_id_only),
		CASE(bound, s40_2_2_attach_row7_a_pt_id_that_is_not_writable_detaches),
		CASE(attached, s40_2_2_attach_row7_quirk_it_detaches_after_a_replace_too),
		CASE(bound, s40_2_2_detach_8_bytes_that_cannot_be_read_are_EFAULT),
		CASE(attached, s40_2_2_detach_argsz_below_8_is_EINVAL),
		CASE(attached, s40_2_2_detach_unknown_flags_are_EINVAL),
		CASE(attached, s40_2_2_detach_of_a_pasid_needs_12_bytes),
		CASE(attached, s40_2_2_detach_of_nothing_succeeds),
		CASE(attached, s40_2_2_detach_writes_nothing),
	};

	return cmocka_run_group_tests_name("40-vfio 2.2: ATTACH and DETACH", tests, NULL, NULL);
}
