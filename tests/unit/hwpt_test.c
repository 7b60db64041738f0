/* SPDX-License-Identifier: MIT */
/* HWPT_ALLOC, attachments to HWPTs and IOASes, PASIDs, and what the kinds make of them. */
#include "kit.h"

#define IOVA UINT64_C(0x200000)

static int set_up_kind(void **state, const char *kind)
{
	*state = fixture_create(kind, 64);
	return 0;
}

static int set_up_amd(void **state)
{
	return set_up_kind(state, "amd");
}

static int set_up_intel(void **state)
{
	return set_up_kind(state, "intel");
}

static int set_up_smmuv3(void **state)
{
	return set_up_kind(state, "smmuv3");
}

static int set_up_riscv(void **state)
{
	return set_up_kind(state, "riscv");
}

static int set_up_power(void **state)
{
	return set_up_kind(state, "power");
}

static int tear_down(void **state)
{
	fixture_destroy(*state);
	return 0;
}

static bool reaches(struct fixture *f, int device, uint32_t pasid, uint64_t iova,
		    const char *expected)
{
	void *addr;

	return !uiommufd_translate(f->devices[device], pasid, iova, UIOMMUFD_PROT_READ, &addr,
				   NULL) &&
	       addr == expected;
}

static void hwpt_contains_what_was_mapped_before_and_after_it(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), hwpt, pt_id;

	assert_int_equal(fixture_map(f, ioas, IOVA, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_hwpt(f, 0, ioas, 0, &hwpt), 0);
	pt_id = hwpt;
	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	assert_int_equal(pt_id, hwpt);
	assert_true(reaches(f, 0, 0, IOVA + 5, f->buffer + 5));
	assert_int_equal(fixture_map(f, ioas, IOVA + 0x10000, 8192, 4096, FIXTURE_RW), 0);
	assert_true(reaches(f, 0, 0, IOVA + 0x10000, f->buffer + 8192));
	assert_int_equal(fixture_unmap(f, ioas, IOVA, 4096), 0);
	assert_false(reaches(f, 0, 0, IOVA, f->buffer));
}

static void mapping_appears_in_all_tables_of_the_ioas(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), first = ioas, second;

	assert_int_equal(fixture_attach(f, 0, 0, &first), 0);
	assert_int_equal(fixture_hwpt(f, 1, ioas, 0, &second), 0);
	assert_int_not_equal(first, second);
	assert_int_equal(fixture_attach(f, 1, 0, &second), 0);
	assert_int_equal(fixture_map(f, ioas, IOVA, 0, 65536, FIXTURE_RW), 0);
	assert_true(reaches(f, 0, 0, IOVA + 65535, f->buffer + 65535));
	assert_true(reaches(f, 1, 0, IOVA + 65535, f->buffer + 65535));
}

static void devices_of_one_kind_share_the_automatic_hwpt(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), first = ioas, second = ioas;

	assert_int_equal(fixture_attach(f, 0, 0, &first), 0);
	assert_int_equal(fixture_attach(f, 1, 0, &second), 0);
	assert_int_equal(first, second);
	assert_int_equal(fixture_object_destroy(f, first), -EBUSY);
	uiommufd_endpoint_detach(f->devices[0], 0);
	assert_int_equal(fixture_object_destroy(f, first), -EBUSY);
	uiommufd_endpoint_detach(f->devices[1], 0);
	/* It was destroyed with its last device. */
	assert_int_equal(fixture_object_destroy(f, first), -ENOENT);
}

/* The tables of SMMUv3 are of one SMMU; other kinds share them among their IOMMUs [ATTACH.6c]. */
static void check_sharing(struct fixture *f, const char *kind, bool shared)
{
	uint32_t ioas = fixture_ioas(f), first = ioas, second = ioas, manual, dev_id;
	struct uiommufd_endpoint *other;
	struct uiommufd_iommu *iommu;

	assert_int_equal(uiommufd_iommu_create(kind, "other", &iommu), 0);
	assert_int_equal(uiommufd_endpoint_create(iommu, "other", &other), 0);
	assert_int_equal(uiommufd_endpoint_bind(other, f->ctx, &dev_id), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &first), 0);
	assert_int_equal(uiommufd_endpoint_attach(other, 0, &second), 0);
	assert_true(shared == (first == second));
	assert_int_equal(fixture_hwpt(f, 0, ioas, 0, &manual), 0);
	assert_int_equal(uiommufd_endpoint_attach(other, 0, &manual), shared ? 0 : -EINVAL);
	uiommufd_endpoint_destroy(other);
	uiommufd_iommu_put(iommu);
}

static void iommus_of_amd_share_hwpts(void **state)
{
	check_sharing(*state, "amd", true);
}

static void iommus_of_intel_share_hwpts(void **state)
{
	check_sharing(*state, "intel", true);
}

static void a_hwpt_of_smmuv3_is_of_one_smmu(void **state)
{
	check_sharing(*state, "smmuv3", false);
}

static void devices_of_two_kinds_get_a_hwpt_each(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), first = ioas, second = ioas, dev_id;
	struct uiommufd_endpoint *arm;
	struct uiommufd_iommu *smmu;
	void *addr;

	assert_int_equal(uiommufd_iommu_create("smmuv3", "smmu0", &smmu), 0);
	assert_int_equal(uiommufd_endpoint_create(smmu, "arm", &arm), 0);
	assert_int_equal(uiommufd_endpoint_bind(arm, f->ctx, &dev_id), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &first), 0);
	assert_int_equal(uiommufd_endpoint_attach(arm, 0, &second), 0);
	assert_int_not_equal(first, second);
	assert_int_equal(fixture_map(f, ioas, IOVA, 0, 4096, FIXTURE_RW), 0);
	assert_true(reaches(f, 0, 0, IOVA, f->buffer));
	assert_int_equal(uiommufd_translate(arm, 0, IOVA, 3, &addr, NULL), 0);
	assert_ptr_equal(addr, f->buffer);
	uiommufd_endpoint_destroy(arm);
	uiommufd_iommu_put(smmu);
}

static void replace_moves_the_device_and_frees_the_automatic_hwpt(void **state)
{
	struct fixture *f = *state;
	uint32_t a = fixture_ioas(f), b = fixture_ioas(f), first = a, second = b;

	assert_int_equal(fixture_map(f, a, IOVA, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, b, IOVA, 4096, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &first), 0);
	assert_true(reaches(f, 0, 0, IOVA, f->buffer));
	assert_int_equal(fixture_attach(f, 0, 0, &second), 0);
	/* The new one's ID was taken before the old one's was free. */
	assert_int_not_equal(first, second);
	assert_true(reaches(f, 0, 0, IOVA, f->buffer + 4096));
	assert_int_equal(fixture_object_destroy(f, first), -ENOENT);
	assert_int_equal(fixture_object_destroy(f, a), 0);
}

static void failed_replace_leaves_everything_as_it_was(void **state)
{
	struct fixture *f = *state;
	uint32_t a = fixture_ioas(f), b = fixture_ioas(f), first = a, second = b;
	struct iommu_iova_range range;

	/* An area where the device has its MSI window. */
	assert_int_equal(fixture_map(f, b, 0xfee00000, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, a, IOVA, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &first), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &second), -EADDRINUSE);
	assert_true(reaches(f, 0, 0, IOVA, f->buffer));
	assert_int_equal(fixture_ranges(f, b, &range, 1, NULL), 1);
	assert_int_equal(range.last, UINT64_MAX);
}

static void ioas_narrows_on_attach_and_widens_on_detach(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), pt_id = ioas;
	struct iommu_iova_range ranges[8];
	uint64_t alignment;

	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	assert_int_equal(fixture_ranges(f, ioas, ranges, 8, &alignment), 3);
	assert_int_equal(ranges[0].start, 0);
	assert_int_equal(ranges[0].last, 0xfedfffff);
	assert_int_equal(ranges[1].start, 0xfef00000);
	assert_int_equal(ranges[1].last, 0xfcffffffff);
	assert_int_equal(ranges[2].start, 0x10000000000);
	assert_int_equal(ranges[2].last, UINT64_MAX);
	assert_int_equal(alignment, 4096);
	uiommufd_endpoint_detach(f->devices[0], 0);
	assert_int_equal(fixture_ranges(f, ioas, ranges, 8, &alignment), 1);
	assert_int_equal(ranges[0].last, UINT64_MAX);
	assert_int_equal(alignment, 1);
}

static void manual_hwpt_keeps_its_aperture_without_a_device(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), hwpt;
	struct iommu_iova_range range;

	assert_int_equal(fixture_hwpt(f, 0, ioas, 0, &hwpt), 0);
	assert_int_equal(fixture_ranges(f, ioas, &range, 1, NULL), 1);
	assert_int_equal(range.start, 0);
	assert_int_equal(range.last, (UINT64_C(1) << 47) - 1);
	assert_int_equal(fixture_object_destroy(f, ioas), -EBUSY);
	assert_int_equal(fixture_object_destroy(f, hwpt), 0);
	assert_int_equal(fixture_object_destroy(f, ioas), 0);
}

static void power_shows_exactly_its_two_windows(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), pt_id = ioas;
	struct iommu_iova_range ranges[4];

	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	assert_int_equal(fixture_ranges(f, ioas, ranges, 4, NULL), 2);
	assert_int_equal(ranges[0].start, 0);
	assert_int_equal(ranges[0].last, 0x3fffffff);
	assert_int_equal(ranges[1].start, 0x800000000000000);
	assert_int_equal(ranges[1].last, 0x8001fffffffffff);
	assert_int_equal(fixture_map(f, ioas, 0x40000000, 0, 4096, FIXTURE_RW), -EINVAL);
	assert_int_equal(fixture_map(f, ioas, 0x3ffff000, 0, 8192, FIXTURE_RW), -EINVAL);
	assert_int_equal(fixture_map(f, ioas, 0x800000000000000, 0, 4096, FIXTURE_RW), 0);
	assert_true(reaches(f, 0, 0, 0x800000000000000, f->buffer));
}

static void smmuv3_reserves_its_software_msi_window(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), pt_id = ioas;
	struct iommu_iova_range ranges[4];

	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	assert_int_equal(fixture_ranges(f, ioas, ranges, 4, NULL), 2);
	assert_int_equal(ranges[0].last, 0x7ffffff);
	assert_int_equal(ranges[1].start, 0x8100000);
	assert_int_equal(ranges[1].last, (UINT64_C(1) << 48) - 1);
}

static void nest_parent_of_vtd_refuses_read_only_mappings(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), hwpt;

	assert_int_equal(fixture_hwpt(f, 0, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &hwpt), 0);
	assert_int_equal(fixture_map(f, ioas, IOVA, 0, 4096, IOMMU_IOAS_MAP_READABLE), -EINVAL);
	assert_int_equal(fixture_map(f, ioas, IOVA, 0, 4096, FIXTURE_RW), 0);
}

static void kinds_refuse_the_tables_that_their_drivers_do_not_make(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), hwpt;

	assert_int_equal(fixture_hwpt(f, 0, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &hwpt),
			 -EOPNOTSUPP);
	assert_int_equal(fixture_hwpt(f, 0, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt),
			 -EOPNOTSUPP);
	assert_int_equal(fixture_hwpt(f, 0, ioas, IOMMU_HWPT_ALLOC_PASID, &hwpt), -EOPNOTSUPP);
	assert_int_equal(fixture_hwpt(f, 0, ioas, 0x10, &hwpt), -EOPNOTSUPP);
	assert_int_equal(fixture_hwpt(f, 0, 12345, 0, &hwpt), -EINVAL);
	assert_int_equal(fixture_hwpt(f, 0, ioas, 0, &hwpt), 0);
}

static void pasids_have_address_spaces_of_their_own(void **state)
{
	struct fixture *f = *state;
	uint32_t a = fixture_ioas(f), b = fixture_ioas(f), ha, hb, pt_id;

	assert_int_equal(fixture_map(f, a, IOVA, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, b, IOVA, 4096, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_hwpt(f, 0, a, IOMMU_HWPT_ALLOC_PASID, &ha), 0);
	assert_int_equal(fixture_hwpt(f, 0, b, IOMMU_HWPT_ALLOC_PASID, &hb), 0);
	pt_id = ha;
	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	pt_id = hb;
	assert_int_equal(fixture_attach(f, 0, 7, &pt_id), 0);
	pt_id = ha;
	assert_int_equal(fixture_attach(f, 0, 1000, &pt_id), 0);
	assert_true(reaches(f, 0, 0, IOVA, f->buffer));
	assert_true(reaches(f, 0, 7, IOVA, f->buffer + 4096));
	assert_true(reaches(f, 0, 1000, IOVA, f->buffer));
	assert_false(reaches(f, 0, 8, IOVA, f->buffer));
	/* Replace, then detach, of one PASID alone. */
	pt_id = ha;
	assert_int_equal(fixture_attach(f, 0, 7, &pt_id), 0);
	assert_true(reaches(f, 0, 7, IOVA, f->buffer));
	uiommufd_endpoint_detach(f->devices[0], 7);
	assert_false(reaches(f, 0, 7, IOVA, f->buffer));
	assert_true(reaches(f, 0, 1000, IOVA, f->buffer));
}

static void pasid_rules_are_the_kernels(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), plain, wide, pt_id;

	assert_int_equal(fixture_hwpt(f, 0, ioas, 0, &plain), 0);
	assert_int_equal(fixture_hwpt(f, 0, ioas, IOMMU_HWPT_ALLOC_PASID, &wide), 0);
	/* Refused: a table that is not for PASIDs, and an IOAS, as automatic tables are not. */
	pt_id = plain;
	assert_int_equal(fixture_attach(f, 0, 5, &pt_id), -EINVAL);
	pt_id = ioas;
	assert_int_equal(fixture_attach(f, 0, 5, &pt_id), -EINVAL);
	/* A PASID that the device does not have. */
	pt_id = wide;
	assert_int_equal(fixture_attach(f, 0, 1u << 20, &pt_id), -EINVAL);
	assert_int_equal(fixture_attach(f, 0, 5, &pt_id), 0);
	/* The RID cannot use a table that PASIDs cannot, while there is one. */
	pt_id = plain;
	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), -EINVAL);
	uiommufd_endpoint_detach(f->devices[0], 5);
	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	pt_id = wide;
	assert_int_equal(fixture_attach(f, 0, 5, &pt_id), -EINVAL);
}

int main(void)
{
#define KIND_TEST(name, kind) cmocka_unit_test_setup_teardown(name, set_up_##kind, tear_down)
	const struct CMUnitTest tests[] = {
		KIND_TEST(hwpt_contains_what_was_mapped_before_and_after_it, amd),
		KIND_TEST(hwpt_contains_what_was_mapped_before_and_after_it, intel),
		KIND_TEST(hwpt_contains_what_was_mapped_before_and_after_it, smmuv3),
		KIND_TEST(hwpt_contains_what_was_mapped_before_and_after_it, riscv),
		KIND_TEST(hwpt_contains_what_was_mapped_before_and_after_it, power),
		KIND_TEST(mapping_appears_in_all_tables_of_the_ioas, amd),
		KIND_TEST(devices_of_one_kind_share_the_automatic_hwpt, amd),
		KIND_TEST(iommus_of_amd_share_hwpts, amd),
		KIND_TEST(iommus_of_intel_share_hwpts, intel),
		KIND_TEST(a_hwpt_of_smmuv3_is_of_one_smmu, smmuv3),
		KIND_TEST(devices_of_two_kinds_get_a_hwpt_each, amd),
		KIND_TEST(replace_moves_the_device_and_frees_the_automatic_hwpt, amd),
		KIND_TEST(failed_replace_leaves_everything_as_it_was, amd),
		KIND_TEST(ioas_narrows_on_attach_and_widens_on_detach, amd),
		KIND_TEST(manual_hwpt_keeps_its_aperture_without_a_device, riscv),
		KIND_TEST(power_shows_exactly_its_two_windows, power),
		KIND_TEST(smmuv3_reserves_its_software_msi_window, smmuv3),
		KIND_TEST(nest_parent_of_vtd_refuses_read_only_mappings, intel),
		KIND_TEST(kinds_refuse_the_tables_that_their_drivers_do_not_make, riscv),
		KIND_TEST(pasids_have_address_spaces_of_their_own, intel),
		KIND_TEST(pasids_have_address_spaces_of_their_own, amd),
		KIND_TEST(pasids_have_address_spaces_of_their_own, smmuv3),
		KIND_TEST(pasid_rules_are_the_kernels, intel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
