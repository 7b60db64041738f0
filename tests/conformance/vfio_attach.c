/* SPDX-License-Identifier: MIT */
/*
 * The arguments of ATTACH and DETACH [VFIO-ATTACH], [VFIO-DETACH]. What attaching does is in
 * attach_*.c.
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

static void vfio_attach_with_12_unreadable_bytes_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	expect_attach(EFAULT, t, NULL);
	expect_attach(EFAULT, t, before_hole(&attach, 11));
	/* Before the argsz that says there are fewer. */
	attach.argsz = 4;
	expect_attach(EFAULT, t, before_hole(&attach, 4));
}

static void vfio_attach_with_argsz_below_12_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	for (attach.argsz = 0; attach.argsz < 12; attach.argsz++)
		expect_attach(EINVAL, t, &attach);
	attach.argsz = 12;
	expect_attach(0, t, before_hole(&attach, 12));
}

static void vfio_attach_with_unknown_flags_is_EINVAL(void **state)
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
static void vfio_attach_of_a_pasid_needs_16_bytes(void **state)
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

static void vfio_attach_takes_the_targets_of_attach_and_replace(void **state)
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

static void vfio_attach_of_pasid_0_is_that_of_the_rid(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	attach.flags = VFIO_DEVICE_ATTACH_PASID;
	expect_attach(0, t, &attach);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
	detach_device(t->device);
	destroy(t->iommu, t->ioas);
}

static void vfio_attach_does_not_examine_bytes_after_the_structure(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	attach.argsz = UINT32_MAX;
	attach.pasid = 0xabcdef;
	expect_attach(0, t, before_hole(&attach, 12));
}

static void vfio_attach_writes_the_pt_id_only(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);
	struct vfio_device_attach_iommufd_pt *copy;

	copy = at_border(&attach, sizeof(attach),
			 offsetof(struct vfio_device_attach_iommufd_pt, pt_id), MEM_RO, MEM_RW);
	expect_attach(0, t, copy);
	expect_equal(copy->pt_id, t->dev_id + 1);
}

static void vfio_attach_with_an_unwritable_pt_id_detaches(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	expect_attach(EFAULT, t, read_only(&attach, sizeof(attach)));
	expect_equal(iova_ranges(t->iommu, t->ioas, NULL, 0, NULL), 1);
	destroy(t->iommu, t->ioas);
}

static void vfio_attach_with_an_unwritable_pt_id_detaches_after_a_replace_too(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_attach_iommufd_pt attach = good(t);

	attach.pt_id = new_ioas(t->iommu);
	expect_attach(EFAULT, t, read_only(&attach, sizeof(attach)));
	destroy(t->iommu, t->ioas);
	destroy(t->iommu, attach.pt_id);
}

static void vfio_detach_with_8_unreadable_bytes_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_detach_iommufd_pt detach = {.argsz = 8};

	expect_detach(EFAULT, t, NULL);
	expect_detach(EFAULT, t, before_hole(&detach, 7));
	expect_detach(0, t, before_hole(&detach, 8));
}

static void vfio_detach_with_argsz_below_8_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_detach_iommufd_pt detach = {0};

	for (detach.argsz = 0; detach.argsz < 8; detach.argsz++)
		expect_detach(EINVAL, t, &detach);
	/* It is still attached. */
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
}

static void vfio_detach_with_unknown_flags_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	for (unsigned int bit = 1; bit < 32; bit++)
		expect_detach(EINVAL, t,
			      VFIO_CMD(vfio_device_detach_iommufd_pt, .flags = 1u << bit));
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->ioas));
}

static void vfio_detach_of_a_pasid_needs_12_bytes(void **state)
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

static void vfio_detach_of_nothing_succeeds(void **state)
{
	struct fixture *t = fixture(state);

	detach_device(t->device);
	detach_device(t->device);
}

static void vfio_detach_writes_nothing(void **state)
{
	struct fixture *t = fixture(state);
	struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};

	expect_detach(0, t, read_only(&detach, sizeof(detach)));
	destroy(t->iommu, t->ioas);
}

int vfio_attach(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, vfio_attach_with_12_unreadable_bytes_is_EFAULT, "VFIO-ATTACH.1"),
		CASE(bound, vfio_attach_with_argsz_below_12_is_EINVAL, "VFIO-ATTACH.2"),
		CASE(bound, vfio_attach_with_unknown_flags_is_EINVAL, "VFIO-ATTACH.3"),
		CASE(bound, vfio_attach_of_a_pasid_needs_16_bytes, "VFIO-ATTACH.5"),
		CASE(bound, vfio_attach_takes_the_targets_of_attach_and_replace, "VFIO-ATTACH.6"),
		CASE(bound, vfio_attach_of_pasid_0_is_that_of_the_rid, "VFIO-ATTACH"),
		CASE(bound, vfio_attach_does_not_examine_bytes_after_the_structure, "VFIO-ATTACH"),
		CASE(bound, vfio_attach_writes_the_pt_id_only, "VFIO-ATTACH"),
		CASE(bound, vfio_attach_with_an_unwritable_pt_id_detaches, "VFIO-ATTACH.7"),
		CASE(attached, vfio_attach_with_an_unwritable_pt_id_detaches_after_a_replace_too,
		     "VFIO-ATTACH.7"),
		CASE(bound, vfio_detach_with_8_unreadable_bytes_is_EFAULT, "VFIO-DETACH"),
		CASE(attached, vfio_detach_with_argsz_below_8_is_EINVAL, "VFIO-DETACH"),
		CASE(attached, vfio_detach_with_unknown_flags_is_EINVAL, "VFIO-DETACH"),
		CASE(attached, vfio_detach_of_a_pasid_needs_12_bytes, "VFIO-DETACH"),
		CASE(attached, vfio_detach_of_nothing_succeeds, "VFIO-DETACH"),
		CASE(attached, vfio_detach_writes_nothing, "VFIO-DETACH"),
	};

	return cmocka_run_group_tests_name("ATTACH and DETACH", tests, NULL, NULL);
}
