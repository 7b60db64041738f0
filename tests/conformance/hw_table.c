/* SPDX-License-Identifier: MIT */
/*
 * 20-hwpt-device, 7 and 9: which tables each kind of IOMMU makes, and what its hardware records in
 * them.
 */
#include <errno.h>

#include "edu.h"
#include "groups.h"
#include "hw.h"

#define NEST  IOMMU_HWPT_ALLOC_NEST_PARENT
#define DIRTY IOMMU_HWPT_ALLOC_DIRTY_TRACKING
#define PASID IOMMU_HWPT_ALLOC_PASID

/*
 * Of the combinations of these flags, the ones that IOMMUs of @type accept; the others are
 * EOPNOTSUPP.
 */
static void expect_combinations(const struct fixture *t, uint32_t type, const uint32_t *accepted,
				size_t count)
{
	need_hw(t, type);
	for (uint32_t flags = 0; flags < 16; flags++) {
		int error = EOPNOTSUPP;

		if (flags & IOMMU_HWPT_FAULT_ID_VALID)
			continue;
		for (size_t i = 0; i < count; i++)
			error = accepted[i] == flags ? 0 : error;
		expect_errno(error, t->iommu, IOMMU_HWPT_ALLOC,
			     CMD(iommu_hwpt_alloc, .flags = flags, .dev_id = t->dev_id,
				 .pt_id = t->ioas));
	}
}

static void s20_7_ioas_row6_vtd_makes_all_combinations(void **state)
{
	const uint32_t accepted[] = {0,
				     PASID,
				     NEST,
				     DIRTY,
				     NEST | DIRTY,
				     NEST | PASID,
				     DIRTY | PASID,
				     NEST | DIRTY | PASID};

	expect_combinations(fixture(state), IOMMU_HW_INFO_TYPE_INTEL_VTD, accepted,
			    ARRAY_SIZE(accepted));
}

static void s20_7_ioas_row6_smmuv3_makes_a_nesting_parent_of_nothing_else(void **state)
{
	const uint32_t accepted[] = {0, NEST, PASID, DIRTY, DIRTY | PASID};

	expect_combinations(fixture(state), IOMMU_HW_INFO_TYPE_ARM_SMMUV3, accepted,
			    ARRAY_SIZE(accepted));
}

static void s20_7_ioas_row6_amd_makes_pasid_tables_of_nothing_else(void **state)
{
	const uint32_t accepted[] = {0, DIRTY, NEST, NEST | DIRTY, PASID};

	expect_combinations(fixture(state), IOMMU_HW_INFO_TYPE_AMD, accepted, ARRAY_SIZE(accepted));
}

static void s20_7_ioas_row5_others_make_plain_tables(void **state)
{
	const uint32_t accepted[] = {0};

	expect_combinations(fixture(state), IOMMU_HW_INFO_TYPE_NONE, accepted,
			    ARRAY_SIZE(accepted));
}

static void s20_7_ioas_row6_no_table_on_an_ioas_takes_data(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t data[4] = {0};
	const uint32_t lengths[] = {[IOMMU_HWPT_DATA_VTD_S1] = 24,
				    [IOMMU_HWPT_DATA_ARM_SMMUV3] = 16,
				    [IOMMU_HWPT_DATA_AMD_GUEST] = 32};

	for (uint32_t type = 1; type < ARRAY_SIZE(lengths); type++)
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_ALLOC,
			     CMD(iommu_hwpt_alloc, .dev_id = t->dev_id, .pt_id = t->ioas,
				 .data_type = type, .data_len = lengths[type],
				 .data_uptr = (uintptr_t)data));
}

static void s20_7_vtd_nesting_parents_refuse_read_only_memory(void **state)
{
	struct fixture *t = fixture(state);
	void *page = mem_pages(PAGE);
	uint32_t hwpt, other = new_ioas(t->iommu);

	need_hw(t, IOMMU_HW_INFO_TYPE_INTEL_VTD);
	map_at(t->iommu, t->ioas, READ, IOVA, page, PAGE);
	expect_errno(EINVAL, t->iommu, IOMMU_HWPT_ALLOC,
		     CMD(iommu_hwpt_alloc, .flags = NEST, .dev_id = t->dev_id, .pt_id = t->ioas));
	hwpt = hw_table(t, other, NEST);
	expect_errno(EINVAL, t->iommu, IOMMU_IOAS_MAP,
		     CMD(iommu_ioas_map, .flags = READ | FIXED, .ioas_id = other, .iova = IOVA,
			 .user_va = (uintptr_t)page, .length = PAGE));
	expect_errno(EINVAL, t->iommu, IOMMU_IOAS_COPY,
		     CMD(iommu_ioas_copy, .flags = READ | FIXED, .dst_ioas_id = other,
			 .src_ioas_id = t->ioas, .length = PAGE, .dst_iova = IOVA,
			 .src_iova = IOVA));
	expect_true(!is_mapped(t->iommu, other, IOVA));
	destroy(t->iommu, hwpt);
	map_at(t->iommu, other, READ, IOVA, page, PAGE);
}

static void s20_7_a_manual_table_is_attached_by_its_id(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = hw_table(t, t->ioas, 0);

	expect_equal(attach_device(t->device, hwpt), hwpt);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = hwpt));
	detach_device(t->device);
	destroy(t->iommu, hwpt);
}

static void s20_4_an_ioas_as_target_does_not_choose_a_manual_table(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = hw_table(t, t->ioas, 0);

	expect_true(attach_device(t->device, t->ioas) != hwpt);
	destroy(t->iommu, hwpt);
}

static void s20_9_2_a_devices_writes_make_pages_dirty(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc), .flags = DIRTY, .dev_id = t->dev_id, .pt_id = t->ioas};
	struct iommu_hwpt_get_dirty_bitmap get = {
		.size = sizeof(get), .iova = IOVA, .length = 8 * PAGE, .page_size = PAGE};
	uint8_t bits = 0;
	void *memory = mem_pages(8 * PAGE);

	need_edu(t);
	if (do_ioctl(t->iommu, IOMMU_HWPT_ALLOC, &alloc) == -EOPNOTSUPP)
		skip_test("the IOMMU has no dirty tracking");
	get.hwpt_id = alloc.out_hwpt_id;
	get.data = (uintptr_t)&bits;
	/* Against the order of the memory: each page has a leaf of its own. */
	for (uint64_t i = 0; i < 8; i++)
		map_at(t->iommu, t->ioas, RW, IOVA + i * PAGE, (char *)memory + (7 - i) * PAGE,
		       PAGE);
	attach_device(t->device, alloc.out_hwpt_id);
	edu_scratch(t);
	edu_poke(t->device, IOVA, 1);
	expect_ok(t->iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		  CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = alloc.out_hwpt_id,
		      .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	edu_poke(t->device, IOVA + 2 * PAGE, 1);
	edu_peek(t->device, IOVA + 3 * PAGE);
	edu_poke(t->device, IOVA + 5 * PAGE + 8, 1);
	expect_ok(t->iommu, IOMMU_HWPT_GET_DIRTY_BITMAP, &get);
	expect_equal(bits, 0x24);
	edu_poke(t->device, IOVA + 2 * PAGE, 2);
	bits = 0;
	expect_ok(t->iommu, IOMMU_HWPT_GET_DIRTY_BITMAP, &get);
	expect_equal(bits, 0x4);
}

int hw_table_tests(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, s20_7_ioas_row6_vtd_makes_all_combinations),
		CASE(bound, s20_7_ioas_row6_smmuv3_makes_a_nesting_parent_of_nothing_else),
		CASE(bound, s20_7_ioas_row6_amd_makes_pasid_tables_of_nothing_else),
		CASE(bound, s20_7_ioas_row5_others_make_plain_tables),
		CASE(bound, s20_7_ioas_row6_no_table_on_an_ioas_takes_data),
		CASE(bound, s20_7_vtd_nesting_parents_refuse_read_only_memory),
		CASE(bound, s20_7_a_manual_table_is_attached_by_its_id),
		CASE(bound, s20_4_an_ioas_as_target_does_not_choose_a_manual_table),
		CASE(bound, s20_9_2_a_devices_writes_make_pages_dirty),
	};

	return cmocka_run_group_tests_name("20-hwpt-device 7: tables of real IOMMUs", tests, NULL,
					   NULL);
}
