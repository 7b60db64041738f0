/* SPDX-License-Identifier: MIT */
/* VT-d's nested tables and their invalidation [NESTED-DATA], [HWPT-INVALIDATE]. */
#include <errno.h>

#include "edu.h"
#include "groups.h"
#include "hw.h"

static uint32_t parent;

/* vtd: a guest, and the nesting parent of its memory. */
static int setup_vtd(void **state)
{
	struct fixture *t;

	if (setup_guest(state))
		return -1;
	t = *state;
	if (!t->missing && hw_type(t) == IOMMU_HW_INFO_TYPE_INTEL_VTD)
		parent = hw_table(t, t->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	return 0;
}

static struct fixture *vtd_fixture(void **state)
{
	struct fixture *t = fixture(state);

	need_hw(t, IOMMU_HW_INFO_TYPE_INTEL_VTD);
	return t;
}

static uint32_t new_nested(const struct fixture *t)
{
	const struct iommu_hwpt_vtd_s1 data = {.pgtbl_addr = guest_address(GUEST_TABLES),
					       .addr_width = 48};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = t->dev_id,
		.pt_id = parent,
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	expect_ok(t->iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

/* ---- allocation ---- */

#define alloc_errno(error, ...)                         \
	expect_errno(error, t->iommu, IOMMU_HWPT_ALLOC, \
		     CMD(iommu_hwpt_alloc, .dev_id = t->dev_id, __VA_ARGS__))
#define DATA(type, bytes, address) \
	.data_type = type, .data_len = bytes, .data_uptr = (uintptr_t)(address)

static void vtd_nested_hwpts_with_flags_other_than_pasid_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = vtd_fixture(state);
	const struct iommu_hwpt_vtd_s1 data = {.addr_width = 48};

	alloc_errno(EOPNOTSUPP, .pt_id = parent, .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
		    DATA(IOMMU_HWPT_DATA_VTD_S1, sizeof(data), &data));
	alloc_errno(0, .pt_id = parent, .flags = IOMMU_HWPT_ALLOC_PASID,
		    DATA(IOMMU_HWPT_DATA_VTD_S1, sizeof(data), &data));
}

static void vtd_nested_data_of_another_type_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = vtd_fixture(state);
	const uint64_t data[4] = {0};

	alloc_errno(EOPNOTSUPP, .pt_id = parent, DATA(IOMMU_HWPT_DATA_ARM_SMMUV3, 16, data));
	alloc_errno(EOPNOTSUPP, .pt_id = parent, DATA(IOMMU_HWPT_DATA_AMD_GUEST, 32, data));
}

static void vtd_nested_hwpts_need_a_nesting_parent(void **state)
{
	struct fixture *t = vtd_fixture(state);
	const struct iommu_hwpt_vtd_s1 data = {.addr_width = 48};

	alloc_errno(EINVAL, .pt_id = hw_table(t, t->ioas, 0),
		    DATA(IOMMU_HWPT_DATA_VTD_S1, sizeof(data), &data));
}

static void vtd_nested_data_is_24_bytes(void **state)
{
	struct fixture *t = vtd_fixture(state);
	const uint64_t data[4] = {0};

	alloc_errno(EINVAL, .pt_id = parent, DATA(IOMMU_HWPT_DATA_VTD_S1, 23, data));
	alloc_errno(EINVAL, .pt_id = parent, DATA(IOMMU_HWPT_DATA_VTD_S1, 25, data));
	alloc_errno(EFAULT, .pt_id = parent,
		    DATA(IOMMU_HWPT_DATA_VTD_S1, 24, mem_of_kind(PAGE, MEM_HOLE)));
}

static void vtd_nested_data_is_not_validated_before_attach(void **state)
{
	struct fixture *t = vtd_fixture(state);
	const struct iommu_hwpt_vtd_s1 data = {
		.flags = UINT64_MAX, .pgtbl_addr = 5, .addr_width = 7, .__reserved = 1};

	alloc_errno(0, .pt_id = parent, DATA(IOMMU_HWPT_DATA_VTD_S1, sizeof(data), &data));
}

static void vtd_has_no_viommus(void **state)
{
	struct fixture *t = vtd_fixture(state);

	for (uint32_t type = 1; type < 4; type++)
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_VIOMMU_ALLOC,
			     CMD(iommu_viommu_alloc, .type = type, .dev_id = t->dev_id,
				 .hwpt_id = parent));
}

/* ---- attachment ---- */

static void vtd_dma_goes_through_both_stages(void **state)
{
	struct fixture *t = vtd_fixture(state);

	need_edu(t);
	guest_map(GUEST_X86, 0, GUEST_A);
	guest_map(GUEST_X86, 1, GUEST_B);
	*guest_memory(GUEST_A) = 0xa;
	attach_device(t->device, new_nested(t));
	expect_equal(guest_dma(t, GUEST_B), 0xa);
}

static void vtd_dma_that_stage_1_does_not_map_is_refused(void **state)
{
	struct fixture *t = vtd_fixture(state);

	need_edu(t);
	guest_map(GUEST_X86, 0, GUEST_A);
	guest_map(GUEST_X86, 1, GUEST_B);
	guest_unmap(1);
	attach_device(t->device, new_nested(t));
	*guest_memory(GUEST_A) = 0xa;
	expect_equal(guest_dma(t, GUEST_B), 0);
}

static void attaching_a_nested_hwpt_reserves_in_the_ioas_of_its_parent(void **state)
{
	struct fixture *t = vtd_fixture(state);
	struct iommu_iova_range gap;
	uint32_t hwpt = new_nested(t);

	expect_true(!reserved_gap(t->iommu, t->ioas, &gap));
	expect_equal(attach_device(t->device, hwpt), hwpt);
	expect_true(reserved_gap(t->iommu, t->ioas, &gap));
	detach_device(t->device);
	expect_true(!reserved_gap(t->iommu, t->ioas, &gap));
	map_at(t->iommu, t->ioas, RW, gap.start, mem_pages(PAGE), PAGE);
	expect_errno(EADDRINUSE, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = hwpt));
}

/* ---- invalidation ---- */

static void invalidate(const struct fixture *t, uint32_t hwpt, int error, uint32_t handled,
		       const void *entries, uint32_t length, uint32_t count)
{
	expect_equal(invalidate_entries(t->iommu, hwpt, error, IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
					entries, length, count),
		     handled);
}

static const struct iommu_hwpt_vtd_s1_invalidate everything = {.npages = UINT64_MAX};
static const uint32_t entry_size = sizeof(everything);

static void vtd_invalidation_types_are_probed_with_0_entries(void **state)
{
	struct fixture *t = vtd_fixture(state);
	uint32_t hwpt = new_nested(t);

	invalidate(t, hwpt, 0, 0, NULL, 0, 0);
	expect_errno(EINVAL, t->iommu, IOMMU_HWPT_INVALIDATE,
		     CMD(iommu_hwpt_invalidate, .hwpt_id = hwpt, .data_type = 1));
	expect_errno(EINVAL, t->iommu, IOMMU_HWPT_INVALIDATE,
		     CMD(iommu_hwpt_invalidate, .hwpt_id = parent));
}

static void vtd_invalidation_entries_have_24_bytes(void **state)
{
	struct fixture *t = vtd_fixture(state);
	uint32_t hwpt = new_nested(t);
	const uint64_t zeros[8] = {0};

	invalidate(t, hwpt, EINVAL, 0, zeros, 23, 1);
	invalidate(t, hwpt, EINVAL, 0, zeros, 32, 1);
	invalidate(t, hwpt, EFAULT, 1, before_hole(&everything, entry_size), entry_size, 2);
}

static void vtd_invalidation_stops_at_a_bad_entry(void **state)
{
	struct fixture *t = vtd_fixture(state);
	uint32_t hwpt = new_nested(t);
	const struct {
		struct iommu_hwpt_vtd_s1_invalidate entry;
		int error;
	} cases[] = {
		{{.npages = 1, .flags = 2}, EOPNOTSUPP},
		{{.npages = 1, .flags = 1u << 31}, EOPNOTSUPP},
		{{.npages = 1, .__reserved = 1}, EOPNOTSUPP},
		{{.addr = 1, .npages = 1}, EINVAL},
		{{.addr = 2048, .npages = 1}, EINVAL},
		{{.addr = PAGE, .npages = UINT64_MAX}, EINVAL},
		/* The flags are looked at first. */
		{{.addr = 1, .flags = 2}, EOPNOTSUPP},
		{{.addr = PAGE, .npages = 2, .flags = IOMMU_VTD_INV_FLAGS_LEAF}, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct iommu_hwpt_vtd_s1_invalidate entries[] = {everything, cases[i].entry,
								       everything};

		invalidate(t, hwpt, cases[i].error, cases[i].error ? 1 : 3, entries, entry_size, 3);
	}
}

static void vtd_dma_reads_invalidated_entries_again(void **state)
{
	struct fixture *t = vtd_fixture(state);
	const struct iommu_hwpt_vtd_s1_invalidate first = {
		.addr = INPUT, .npages = 1, .flags = IOMMU_VTD_INV_FLAGS_LEAF};
	uint32_t hwpt = new_nested(t);

	need_edu(t);
	guest_map(GUEST_X86, 0, GUEST_A);
	guest_map(GUEST_X86, 1, GUEST_B);
	*guest_memory(GUEST_A) = 0xa;
	*guest_memory(GUEST_C) = 0xc;
	attach_device(t->device, hwpt);
	expect_equal(guest_dma(t, GUEST_B), 0xa);
	guest_map(GUEST_X86, 0, GUEST_C);
	invalidate(t, hwpt, 0, 1, &first, entry_size, 1);
	expect_equal(guest_dma(t, GUEST_B), 0xc);
	guest_unmap(0);
	invalidate(t, hwpt, 0, 1, &everything, entry_size, 1);
	*guest_memory(GUEST_C) = 0xd;
	expect_true(guest_dma(t, GUEST_B) != 0xd);
}

/* npages * 4096 is 2^64 and more: all from addr on, not what is left of the product. */
static void vtd_invalidation_past_the_end_of_the_space_ends_there(void **state)
{
	struct fixture *t = vtd_fixture(state);
	const struct iommu_hwpt_vtd_s1_invalidate upwards = {.npages = UINT64_C(1) << 52};
	uint32_t hwpt = new_nested(t);

	need_edu(t);
	guest_map(GUEST_X86, 0, GUEST_A);
	guest_map(GUEST_X86, 1, GUEST_B);
	*guest_memory(GUEST_A) = 0xa;
	*guest_memory(GUEST_C) = 0xc;
	attach_device(t->device, hwpt);
	expect_equal(guest_dma(t, GUEST_B), 0xa);
	guest_map(GUEST_X86, 0, GUEST_C);
	invalidate(t, hwpt, 0, 1, &upwards, entry_size, 1);
	expect_equal(guest_dma(t, GUEST_B), 0xc);
}

int hw_vtd(void)
{
	const struct CMUnitTest tests[] = {
		CASE(vtd, vtd_nested_hwpts_with_flags_other_than_pasid_are_EOPNOTSUPP,
		     "NESTED-DATA.1, HWPT-ALLOC-PARENT.7"),
		CASE(vtd, vtd_nested_data_of_another_type_is_EOPNOTSUPP,
		     "NESTED-DATA.1, HWPT-ALLOC-PARENT.7"),
		CASE(vtd, vtd_nested_hwpts_need_a_nesting_parent,
		     "NESTED-DATA.1, HWPT-ALLOC-PARENT.7"),
		CASE(vtd, vtd_nested_data_is_24_bytes, "NESTED-DATA.1, HWPT-ALLOC-PARENT.7"),
		CASE(vtd, vtd_nested_data_is_not_validated_before_attach,
		     "NESTED-DATA.1, HWPT-ALLOC-PARENT.7"),
		CASE(vtd, vtd_has_no_viommus, "HWPT-ALLOC-VIOMMU.6"),
		CASE(vtd, vtd_dma_goes_through_both_stages, "NESTED-DATA.1, HWPT-ALLOC-PARENT.7"),
		CASE(vtd, vtd_dma_that_stage_1_does_not_map_is_refused,
		     "NESTED-DATA.1, HWPT-ALLOC-PARENT.7"),
		CASE(vtd, attaching_a_nested_hwpt_reserves_in_the_ioas_of_its_parent, "ATTACH"),
		CASE(vtd, vtd_invalidation_types_are_probed_with_0_entries,
		     "HWPT-INVALIDATE-DATA.1"),
		CASE(vtd, vtd_invalidation_entries_have_24_bytes, "HWPT-INVALIDATE-DATA.1"),
		CASE(vtd, vtd_invalidation_stops_at_a_bad_entry, "HWPT-INVALIDATE-DATA.1"),
		CASE(vtd, vtd_dma_reads_invalidated_entries_again, "HWPT-INVALIDATE-DATA.1"),
		CASE(vtd, vtd_invalidation_past_the_end_of_the_space_ends_there,
		     "HWPT-INVALIDATE-DATA.1"),
	};

	return cmocka_run_group_tests_name("VT-d", tests, NULL, NULL);
}
