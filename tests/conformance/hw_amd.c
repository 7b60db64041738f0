/* SPDX-License-Identifier: MIT */
/* AMD's nested tables [NESTED-DATA]. */
#include <errno.h>

#include "edu.h"
#include "groups.h"
#include "hw.h"

/* AMD 48882 2.2.2.1: what of a device table entry is the guest's. */
#define DTE0_V		  UINT64_C(1)
#define DTE0_MODE(mode)	  ((uint64_t)(mode) << 9)
#define DTE0_HOST_TRP	  (UINT64_C(1) << 12)
#define DTE0_GIOV	  (UINT64_C(1) << 54)
#define DTE0_GV		  (UINT64_C(1) << 55)
#define DTE0_GLX(levels)  ((uint64_t)(levels) << 56)
#define DTE2_PAGING(mode) ((uint64_t)(mode) << 54)

/* The parts of the address of the GCR3 table. */
#define DTE0_GCR3(address) (((address) >> 12 & 0x7) << 58)
#define DTE1_GCR3(address) (((address) >> 15 & 0xffff) << 16 | ((address) >> 31 & 0x1fffff) << 43)

#define GCR3_V UINT64_C(1)

static uint32_t parent, viommu;

/* amd: a guest, the nesting parent of its memory, and its vIOMMU. */
static int setup_amd(void **state)
{
	struct iommu_viommu_alloc cmd = {.size = sizeof(cmd), .type = 1};
	struct fixture *t;

	if (setup_guest(state))
		return -1;
	t = *state;
	if (t->missing || hw_type(t) != IOMMU_HW_INFO_TYPE_AMD)
		return 0;
	parent = hw_table(t, t->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	cmd.dev_id = t->dev_id;
	cmd.hwpt_id = parent;
	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC, &cmd);
	viommu = cmd.out_viommu_id;
	return 0;
}

static struct fixture *amd_fixture(void **state)
{
	struct fixture *t = fixture(state);

	need_hw(t, IOMMU_HW_INFO_TYPE_AMD);
	return t;
}

/* A nested table of these words of an entry, if that is answered with @error. */
static uint32_t nested_errno(int error, const struct fixture *t, uint64_t word0, uint64_t word1,
			     uint64_t word2)
{
	const struct iommu_hwpt_amd_guest data = {.dte = {word0, word1, word2}};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = t->dev_id,
		.pt_id = viommu,
		.data_type = IOMMU_HWPT_DATA_AMD_GUEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	expect_errno(error, t->iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

static void amd_nested_hwpts_need_a_viommu(void **state)
{
	struct fixture *t = amd_fixture(state);
	const struct iommu_hwpt_amd_guest data = {.dte = {0}};

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_ALLOC,
		     CMD(iommu_hwpt_alloc, .dev_id = t->dev_id, .pt_id = parent,
			 .data_type = IOMMU_HWPT_DATA_AMD_GUEST, .data_len = sizeof(data),
			 .data_uptr = (uintptr_t)&data));
}

static void amd_nested_data_is_32_bytes_of_its_type(void **state)
{
	struct fixture *t = amd_fixture(state);
	const uint64_t data[5] = {0};
	const struct {
		uint32_t type, length;
		int error;
	} cases[] = {
		{IOMMU_HWPT_DATA_VTD_S1, 24, EOPNOTSUPP},
		{IOMMU_HWPT_DATA_AMD_GUEST, 24, EINVAL},
		{IOMMU_HWPT_DATA_AMD_GUEST, 40, EINVAL},
		{IOMMU_HWPT_DATA_AMD_GUEST, 32, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_errno(cases[i].error, t->iommu, IOMMU_HWPT_ALLOC,
			     CMD(iommu_hwpt_alloc, .dev_id = t->dev_id, .pt_id = viommu,
				 .data_type = cases[i].type, .data_len = cases[i].length,
				 .data_uptr = (uintptr_t)data));
	expect_errno(EFAULT, t->iommu, IOMMU_HWPT_ALLOC,
		     CMD(iommu_hwpt_alloc, .dev_id = t->dev_id, .pt_id = viommu,
			 .data_type = IOMMU_HWPT_DATA_AMD_GUEST, .data_len = 32));
}

static void amd_nested_data_with_host_fields_is_EINVAL(void **state)
{
	struct fixture *t = amd_fixture(state);

	nested_errno(EINVAL, t, DTE0_V | DTE0_MODE(4), 0, 0);
	nested_errno(EINVAL, t, DTE0_V | DTE0_HOST_TRP, 0, 0);
}

static void amd_nested_data_with_V_and_GV_needs_a_table_address(void **state)
{
	struct fixture *t = amd_fixture(state);
	const uint64_t address = guest_address(GUEST_CONTEXT);

	nested_errno(EINVAL, t, DTE0_V | DTE0_GV, 0, 0);
	nested_errno(0, t, DTE0_V, 0, 0);
	nested_errno(0, t, DTE0_GV, 0, 0);
	nested_errno(0, t, DTE0_V | DTE0_GV | DTE0_GCR3(address), DTE1_GCR3(address), 0);
	/* Any part of it will do. */
	nested_errno(0, t, DTE0_V | DTE0_GV, DTE1_GCR3(UINT64_C(1) << 51), 0);
}

static void amd_nested_data_with_an_unknown_paging_mode_is_EINVAL(void **state)
{
	struct fixture *t = amd_fixture(state);

	nested_errno(0, t, DTE0_V, 0, DTE2_PAGING(0));
	nested_errno(EINVAL, t, DTE0_V, 0, DTE2_PAGING(2));
	nested_errno(EINVAL, t, DTE0_V, 0, DTE2_PAGING(3));
}

static void amd_gcr3_tables_have_at_most_3_levels(void **state)
{
	struct fixture *t = amd_fixture(state);

	for (unsigned int glx = 0; glx < 4; glx++)
		nested_errno(glx == 3 ? EINVAL : 0, t, DTE0_V | DTE0_GLX(glx), 0, 0);
}

static void viommu_alloc_on_amd_takes_any_type(void **state)
{
	struct fixture *t = amd_fixture(state);

	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC,
		  CMD(iommu_viommu_alloc, .type = 12345, .dev_id = t->dev_id, .hwpt_id = parent));
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_VIOMMU_ALLOC,
		     CMD(iommu_viommu_alloc, .dev_id = t->dev_id, .hwpt_id = parent));
}

static void invalidating_an_amd_nested_hwpt_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = amd_fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_INVALIDATE,
		     CMD(iommu_hwpt_invalidate, .hwpt_id = viommu));
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_INVALIDATE,
		     CMD(iommu_hwpt_invalidate, .hwpt_id = nested_errno(0, t, DTE0_V, 0, 0)));
}

static void amd_dma_goes_through_both_stages(void **state)
{
	struct fixture *t = amd_fixture(state);
	const uint64_t address = guest_address(GUEST_CONTEXT);

	need_edu(t);
	guest_map(GUEST_X86, 0, GUEST_A);
	guest_map(GUEST_X86, 1, GUEST_B);
	*guest_memory(GUEST_A) = 0xa;
	guest_memory(GUEST_CONTEXT)[0] = guest_address(GUEST_TABLES) | GCR3_V;
	attach_device(t->device,
		      nested_errno(0, t, DTE0_V | DTE0_GIOV | DTE0_GV | DTE0_GCR3(address),
				   DTE1_GCR3(address), 0));
	expect_equal(guest_dma(t, GUEST_B), 0xa);
}

int hw_amd(void)
{
	const struct CMUnitTest tests[] = {
		CASE(amd, amd_nested_hwpts_need_a_viommu, "NESTED-DATA.3, HWPT-ALLOC-VIOMMU.7"),
		CASE(amd, amd_nested_data_is_32_bytes_of_its_type,
		     "NESTED-DATA.3, HWPT-ALLOC-VIOMMU.7"),
		CASE(amd, amd_nested_data_with_host_fields_is_EINVAL,
		     "NESTED-DATA.3, HWPT-ALLOC-VIOMMU.7"),
		CASE(amd, amd_nested_data_with_V_and_GV_needs_a_table_address,
		     "NESTED-DATA.3, HWPT-ALLOC-VIOMMU.7"),
		CASE(amd, amd_nested_data_with_an_unknown_paging_mode_is_EINVAL,
		     "NESTED-DATA.3, HWPT-ALLOC-VIOMMU.7"),
		CASE(amd, amd_gcr3_tables_have_at_most_3_levels,
		     "NESTED-DATA.3, HWPT-ALLOC-VIOMMU.7"),
		CASE(amd, viommu_alloc_on_amd_takes_any_type, "VIOMMU-ALLOC.3"),
		CASE(amd, invalidating_an_amd_nested_hwpt_is_EOPNOTSUPP, "HWPT-INVALIDATE.5"),
		CASE(amd, amd_dma_goes_through_both_stages, "NESTED-DATA.3, HWPT-ALLOC-VIOMMU.7"),
	};

	return cmocka_run_group_tests_name("AMD", tests, NULL, NULL);
}
