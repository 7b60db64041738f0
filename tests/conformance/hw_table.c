/* SPDX-License-Identifier: MIT */
/*
 * Which tables each kind of IOMMU makes, and what its hardware records in them [HWPT-ALLOC],
 * [DIRTY].
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

static void vtd_makes_hwpts_of_all_combinations_of_flags(void **state)
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

static void smmuv3_nesting_parents_take_no_other_flag(void **state)
{
	const uint32_t accepted[] = {0, NEST, PASID, DIRTY, DIRTY | PASID};

	expect_combinations(fixture(state), IOMMU_HW_INFO_TYPE_ARM_SMMUV3, accepted,
			    ARRAY_SIZE(accepted));
}

static void amd_pasid_hwpts_take_no_other_flag(void **state)
{
	const uint32_t accepted[] = {0, DIRTY, NEST, NEST | DIRTY, PASID};

	expect_combinations(fixture(state), IOMMU_HW_INFO_TYPE_AMD, accepted, ARRAY_SIZE(accepted));
}

static void iommus_without_support_for_flags_make_plain_hwpts_only(void **state)
{
	const uint32_t accepted[] = {0};

	expect_combinations(fixture(state), IOMMU_HW_INFO_TYPE_NONE, accepted,
			    ARRAY_SIZE(accepted));
}

static void hwpt_alloc_on_an_ioas_with_data_is_EOPNOTSUPP(void **state)
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

static void vtd_nesting_parents_refuse_read_only_mappings(void **state)
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

static void a_manual_hwpt_is_attached_by_its_id(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = hw_table(t, t->ioas, 0);

	expect_equal(attach_device(t->device, hwpt), hwpt);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = hwpt));
	detach_device(t->device);
	destroy(t->iommu, hwpt);
}

static void attaching_to_an_ioas_does_not_choose_a_manual_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = hw_table(t, t->ioas, 0);

	expect_true(attach_device(t->device, t->ioas) != hwpt);
	destroy(t->iommu, hwpt);
}

static void writes_of_a_device_make_pages_dirty(void **state)
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
		CASE(bound, vtd_makes_hwpts_of_all_combinations_of_flags,
		     "HWPT-ALLOC-IOAS.6, HWPT-ALLOC-FLAGS.2"),
		CASE(bound, smmuv3_nesting_parents_take_no_other_flag,
		     "HWPT-ALLOC-IOAS.6, HWPT-ALLOC-FLAGS.3"),
		CASE(bound, amd_pasid_hwpts_take_no_other_flag,
		     "HWPT-ALLOC-IOAS.6, HWPT-ALLOC-FLAGS.4"),
		CASE(bound, iommus_without_support_for_flags_make_plain_hwpts_only,
		     "HWPT-ALLOC-IOAS.5"),
		CASE(bound, hwpt_alloc_on_an_ioas_with_data_is_EOPNOTSUPP, "HWPT-ALLOC-IOAS.6"),
		CASE(bound, vtd_nesting_parents_refuse_read_only_mappings, "HWPT-ALLOC-FLAGS.2"),
		CASE(bound, a_manual_hwpt_is_attached_by_its_id, "HWPT-ALLOC"),
		CASE(bound, attaching_to_an_ioas_does_not_choose_a_manual_hwpt, "ATTACH"),
		CASE(bound, writes_of_a_device_make_pages_dirty, "DIRTY-BITMAP"),
	};

	return cmocka_run_group_tests_name("tables of real IOMMUs", tests, NULL, NULL);
}
