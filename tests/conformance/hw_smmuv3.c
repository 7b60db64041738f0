/* SPDX-License-Identifier: MIT */
/* SMMUv3's nested tables, and the commands of its guests [NESTED-DATA], [HWPT-INVALIDATE]. */
#include <errno.h>

#include "edu.h"
#include "groups.h"
#include "hw.h"

/* Arm IHI 0070 5.2: what of a stream table entry is the guest's. */
#define STE0_V	       UINT64_C(1)
#define STE0_CFG(cfg)  ((uint64_t)(cfg) << 1)
#define STE1_EATS(how) ((uint64_t)(how) << 28)

enum {
	CFG_ABORT = 0,
	CFG_BYPASS = 4,
	CFG_S1 = 5
};

/*
 * 5.4: a context descriptor: 48 bits, no second table, 48-bit addresses, AArch64, faults are told.
 */
#define CD0_T0SZ   UINT64_C(16)
#define CD0_EPD1   (UINT64_C(1) << 30)
#define CD0_V	   (UINT64_C(1) << 31)
#define CD0_IPS_48 (UINT64_C(5) << 32)
#define CD0_AA64   (UINT64_C(1) << 41)
#define CD0_R_A	   (UINT64_C(3) << 45)
#define CD0_ASID   (UINT64_C(1) << 48)
#define CD3_MAIR   UINT64_C(0xf404ff44)

/* 4: opcodes. */
enum {
	CFGI_STE = 0x03,
	CFGI_CD = 0x05,
	CFGI_CD_ALL = 0x06,
	TLBI_NH_ALL = 0x10,
	TLBI_NH_ASID = 0x11,
	TLBI_NH_VA = 0x12,
	TLBI_NH_VAA = 0x13,
	TLBI_EL2_ALL = 0x20,
	TLBI_NSNH_ALL = 0x30,
	ATC_INV = 0x40,
	CMD_SYNC = 0x46,
};

#define SID	 UINT64_C(0x123)
#define CMD_SID	 (SID << 32)
#define CMD_ASID (UINT64_C(1) << 48)

static uint32_t parent, viommu;

/* smmu: a guest, the nesting parent of its memory, and its vIOMMU. */
static int setup_smmu(void **state)
{
	struct iommu_viommu_alloc cmd = {.size = sizeof(cmd), .type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3};
	struct fixture *t;

	if (setup_guest(state))
		return -1;
	t = *state;
	if (t->missing || hw_type(t) != IOMMU_HW_INFO_TYPE_ARM_SMMUV3)
		return 0;
	parent = hw_table(t, t->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	cmd.dev_id = t->dev_id;
	cmd.hwpt_id = parent;
	expect_ok(t->iommu, IOMMU_VIOMMU_ALLOC, &cmd);
	viommu = cmd.out_viommu_id;
	return 0;
}

static struct fixture *smmu_fixture(void **state)
{
	struct fixture *t = fixture(state);

	need_hw(t, IOMMU_HW_INFO_TYPE_ARM_SMMUV3);
	return t;
}

static void new_vdevice(const struct fixture *t)
{
	expect_ok(
		t->iommu, IOMMU_VDEVICE_ALLOC,
		CMD(iommu_vdevice_alloc, .viommu_id = viommu, .dev_id = t->dev_id, .virt_id = SID));
}

/* A nested table of this entry, if that is answered with @error. */
static uint32_t nested_errno(int error, const struct fixture *t, uint64_t word0, uint64_t word1)
{
	const struct iommu_hwpt_arm_smmuv3 data = {.ste = {word0, word1}};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = t->dev_id,
		.pt_id = viommu,
		.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	expect_errno(error, t->iommu, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

/* A nested table that translates by the guest's tables. */
static uint32_t new_nested(const struct fixture *t)
{
	volatile uint64_t *cd = guest_memory(GUEST_CONTEXT);

	cd[0] = CD0_T0SZ | CD0_EPD1 | CD0_V | CD0_IPS_48 | CD0_AA64 | CD0_R_A | CD0_ASID;
	cd[1] = guest_address(GUEST_TABLES);
	cd[3] = CD3_MAIR;
	return nested_errno(0, t, STE0_V | STE0_CFG(CFG_S1) | guest_address(GUEST_CONTEXT), 0);
}

/* ---- allocation ---- */

static void smmuv3_nested_hwpts_need_a_viommu(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const struct iommu_hwpt_arm_smmuv3 data = {.ste = {STE0_V}};

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_ALLOC,
		     CMD(iommu_hwpt_alloc, .dev_id = t->dev_id, .pt_id = parent,
			 .data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, .data_len = sizeof(data),
			 .data_uptr = (uintptr_t)&data));
}

static void smmuv3_nested_hwpts_with_flags_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const struct iommu_hwpt_arm_smmuv3 data = {.ste = {STE0_V}};

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_ALLOC,
		     CMD(iommu_hwpt_alloc, .flags = IOMMU_HWPT_ALLOC_PASID, .dev_id = t->dev_id,
			 .pt_id = viommu, .data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
			 .data_len = sizeof(data), .data_uptr = (uintptr_t)&data));
}

static void smmuv3_nested_data_is_16_bytes_of_its_type(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const uint64_t data[4] = {0};
	const struct {
		uint32_t type, length;
		int error;
	} cases[] = {
		{IOMMU_HWPT_DATA_VTD_S1, 16, EINVAL},
		{IOMMU_HWPT_DATA_ARM_SMMUV3, 8, EINVAL},
		{IOMMU_HWPT_DATA_ARM_SMMUV3, 24, EINVAL},
		{IOMMU_HWPT_DATA_ARM_SMMUV3, 16, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_errno(cases[i].error, t->iommu, IOMMU_HWPT_ALLOC,
			     CMD(iommu_hwpt_alloc, .dev_id = t->dev_id, .pt_id = viommu,
				 .data_type = cases[i].type, .data_len = cases[i].length,
				 .data_uptr = (uintptr_t)data));
	expect_errno(EFAULT, t->iommu, IOMMU_HWPT_ALLOC,
		     CMD(iommu_hwpt_alloc, .dev_id = t->dev_id, .pt_id = viommu,
			 .data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, .data_len = 16));
}

static void smmuv3_stream_table_entries_without_V_abort(void **state)
{
	struct fixture *t = smmu_fixture(state);

	/* Without V nothing else counts. */
	nested_errno(0, t, ~STE0_V, UINT64_MAX);
}

static void smmuv3_nested_data_with_host_bits_is_EIO(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const uint64_t bypass = STE0_V | STE0_CFG(CFG_BYPASS);
	/* V, Cfg, S1Fmt, S1ContextPtr, S1CDMax; S1DSS, S1CIR, S1COR, S1CSH, S1STALLD, EATS. */
	const uint64_t guests[2] = {0xf80fffffffffffff, 0x380000ff};

	for (unsigned int bit = 0; bit < 64; bit++) {
		const uint64_t mask = UINT64_C(1) << bit;

		if (!(guests[0] & mask))
			nested_errno(EIO, t, bypass | mask, 0);
		if (!(guests[1] & mask))
			nested_errno(EIO, t, bypass, mask);
	}
	nested_errno(0, t, bypass | (guests[0] & ~UINT64_C(0xf)),
		     (guests[1] & ~STE1_EATS(3)) | STE1_EATS(1));
}

static void smmuv3_nested_data_is_abort_bypass_or_stage_1(void **state)
{
	struct fixture *t = smmu_fixture(state);

	for (unsigned int cfg = 0; cfg < 8; cfg++) {
		const bool good = cfg == CFG_ABORT || cfg == CFG_BYPASS || cfg == CFG_S1;

		nested_errno(good ? 0 : EIO, t, STE0_V | STE0_CFG(cfg), 0);
	}
}

static void smmuv3_nested_data_has_EATS_0_or_1(void **state)
{
	struct fixture *t = smmu_fixture(state);

	for (unsigned int eats = 0; eats < 4; eats++)
		nested_errno(eats > 1 ? EIO : 0, t, STE0_V | STE0_CFG(CFG_BYPASS), STE1_EATS(eats));
}

/* ---- attachment ---- */

static void smmuv3_attaching_a_translating_hwpt_needs_a_vdevice(void **state)
{
	struct fixture *t = smmu_fixture(state);
	uint32_t hwpt = new_nested(t), bypass;

	expect_errno(ENOENT, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = hwpt));
	bypass = nested_errno(0, t, STE0_V | STE0_CFG(CFG_BYPASS), 0);
	expect_equal(attach_device(t->device, bypass), bypass);
	detach_device(t->device);
	new_vdevice(t);
	expect_equal(attach_device(t->device, hwpt), hwpt);
}

static void attach_errno(int error, int device, uint32_t pt_id, uint32_t flags)
{
	expect_errno(error, device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .flags = flags, .pt_id = pt_id,
			      .pasid = 5));
}

/*
 * PASIDs are the guest's then. That EBUSY would be the driver's word never shows: a nested table
 * cannot be made for PASIDs.
 */
static void smmuv3_nested_hwpts_and_pasids_exclude_each_other(void **state)
{
	struct fixture *t = smmu_fixture(state);
	uint32_t table = hw_table(t, t->ioas, IOMMU_HWPT_ALLOC_PASID), hwpt = new_nested(t);

	new_vdevice(t);
	attach_errno(0, t->device, table, VFIO_DEVICE_ATTACH_PASID);
	attach_errno(EINVAL, t->device, hwpt, 0);
	expect_ok(t->device, VFIO_DEVICE_DETACH_IOMMUFD_PT,
		  VFIO_CMD(vfio_device_detach_iommufd_pt, .flags = VFIO_DEVICE_DETACH_PASID,
			   .pasid = 5));
	attach_errno(EINVAL, t->device, hwpt, VFIO_DEVICE_ATTACH_PASID);
	attach_device(t->device, hwpt);
	attach_errno(EINVAL, t->device, table, VFIO_DEVICE_ATTACH_PASID);
}

static void smmuv3_nested_hwpts_refuse_devices_behind_another_smmu(void **state)
{
	struct fixture *t = smmu_fixture(state);
	int device = need_device(1);
	uint32_t other = bind_device(device, t->iommu);
	uint32_t bypass = nested_errno(0, t, STE0_V | STE0_CFG(CFG_BYPASS), 0);
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = other,
		.hwpt_id = parent,
	};

	if (do_ioctl(t->iommu, IOMMU_VIOMMU_ALLOC, &cmd) == 0)
		skip_test("both devices are behind the same SMMU");
	attach_errno(EINVAL, device, bypass, 0);
	attach_device(t->device, bypass);
}

static void viommu_alloc_with_a_parent_of_another_smmu_is_EINVAL(void **state)
{
	struct fixture *t = smmu_fixture(state);
	int device = need_device(1);
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = bind_device(device, t->iommu),
		.hwpt_id = parent,
	};
	int result = do_ioctl(t->iommu, IOMMU_VIOMMU_ALLOC, &cmd);

	if (!result)
		skip_test("both devices are behind the same SMMU");
	expect_equal(-result, EINVAL);
}

static void smmuv3_dma_goes_through_both_stages(void **state)
{
	struct fixture *t = smmu_fixture(state);

	need_edu(t);
	guest_map(GUEST_ARM, 0, GUEST_A);
	guest_map(GUEST_ARM, 1, GUEST_B);
	*guest_memory(GUEST_A) = 0xa;
	new_vdevice(t);
	attach_device(t->device, new_nested(t));
	expect_equal(guest_dma(t, GUEST_B), 0xa);
}

static void smmuv3_bypass_leaves_stage_2_alone(void **state)
{
	struct fixture *t = smmu_fixture(state);

	need_edu(t);
	*guest_memory(GUEST_A) = 0xa;
	attach_device(t->device, nested_errno(0, t, STE0_V | STE0_CFG(CFG_BYPASS), 0));
	edu_copy(t->device, guest_address(GUEST_B), guest_address(GUEST_A), 8);
	expect_equal(*guest_memory(GUEST_B), 0xa);
}

static void smmuv3_abort_lets_nothing_through(void **state)
{
	struct fixture *t = smmu_fixture(state);

	need_edu(t);
	*guest_memory(GUEST_A) = 0xa;
	attach_device(t->device, nested_errno(0, t, STE0_V | STE0_CFG(CFG_ABORT), 0));
	edu_copy(t->device, guest_address(GUEST_B), guest_address(GUEST_A), 8);
	expect_equal(*guest_memory(GUEST_B), 0);
}

/* ---- commands ---- */

static void invalidate(const struct fixture *t, int error, uint32_t handled, const void *commands,
		       uint32_t length, uint32_t count)
{
	expect_equal(invalidate_entries(t->iommu, viommu, error,
					IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, commands, length,
					count),
		     handled);
}

/* As struct iommu_viommu_arm_smmuv3_invalidate. */
struct command {
	uint64_t words[2];
};

static void invalidating_an_smmuv3_nested_hwpt_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = smmu_fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_INVALIDATE,
		     CMD(iommu_hwpt_invalidate,
			 .hwpt_id = nested_errno(0, t, STE0_V | STE0_CFG(CFG_BYPASS), 0),
			 .data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3));
}

static void smmuv3_invalidation_of_0_entries_is_EINVAL(void **state)
{
	struct fixture *t = smmu_fixture(state);

	invalidate(t, EINVAL, 0, NULL, 0, 0);
	expect_errno(EINVAL, t->iommu, IOMMU_HWPT_INVALIDATE,
		     CMD(iommu_hwpt_invalidate, .hwpt_id = viommu, .data_type = 0));
}

static void smmuv3_invalidation_takes_the_commands_of_a_guest(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const struct command commands[] = {
		{{TLBI_NSNH_ALL}},	     {{TLBI_NH_ALL}},
		{{TLBI_NH_ASID | CMD_ASID}}, {{TLBI_NH_VA | CMD_ASID, INPUT}},
		{{TLBI_NH_VAA, INPUT | 1}},  {{CFGI_CD | CMD_SID, 1}},
		{{CFGI_CD_ALL | CMD_SID}},   {{ATC_INV | CMD_SID, INPUT}},
	};

	new_vdevice(t);
	invalidate(t, 0, ARRAY_SIZE(commands), commands, sizeof(struct command),
		   ARRAY_SIZE(commands));
}

static void smmuv3_invalidation_with_other_commands_is_EIO(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const uint8_t opcodes[] = {0, 1, CFGI_STE, 4, TLBI_EL2_ALL, 0x28, 0x2a, CMD_SYNC, 0xff};

	new_vdevice(t);
	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++) {
		const struct command commands[] = {
			{{TLBI_NH_ALL}}, {{opcodes[i]}}, {{TLBI_NH_ALL}}};

		invalidate(t, EIO, 1, commands, sizeof(struct command), 3);
	}
}

static void smmuv3_invalidation_with_bits_outside_the_fields_is_EIO(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const struct command commands[] = {
		{{TLBI_NH_ALL | 1 << 8}},     {{TLBI_NH_ALL, 1}},
		{{TLBI_NSNH_ALL, INPUT}},     {{TLBI_NH_ASID | CMD_ASID, INPUT}},
		{{CFGI_CD_ALL | CMD_SID, 2}}, {{ATC_INV | CMD_SID | 1 << 8}},
	};

	new_vdevice(t);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		invalidate(t, EIO, 0, &commands[i], sizeof(struct command), 1);
}

static void smmuv3_invalidation_names_a_vdevice_by_its_stream_id(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const struct command commands[] = {{{CFGI_CD_ALL | CMD_SID}},
					   {{ATC_INV | (SID + 1) << 32}}};

	invalidate(t, EIO, 0, commands, sizeof(struct command), 2);
	new_vdevice(t);
	invalidate(t, EIO, 1, commands, sizeof(struct command), 2);
}

static void smmuv3_invalidation_reads_all_commands_before_the_first_is_done(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const struct command commands[2] = {{{TLBI_NH_ALL}}, {{TLBI_NH_ALL}}};
	const uint64_t longer[] = {TLBI_NH_ALL, 0, 1}, shorter[] = {TLBI_NH_ALL, TLBI_NH_ALL};

	invalidate(t, EFAULT, 0, before_hole(commands, sizeof(struct command)),
		   sizeof(struct command), 2);
	invalidate(t, E2BIG, 0, longer, sizeof(longer), 1);
	invalidate(t, 0, 2, shorter, sizeof(shorter[0]), 2);
}

static void smmuv3_dma_reads_invalidated_entries_again(void **state)
{
	struct fixture *t = smmu_fixture(state);
	const struct command by_address = {{TLBI_NH_VA | CMD_ASID, INPUT | 1}};
	const struct command all = {{TLBI_NH_ALL}};

	need_edu(t);
	guest_map(GUEST_ARM, 0, GUEST_A);
	guest_map(GUEST_ARM, 1, GUEST_B);
	*guest_memory(GUEST_A) = 0xa;
	*guest_memory(GUEST_C) = 0xc;
	new_vdevice(t);
	attach_device(t->device, new_nested(t));
	expect_equal(guest_dma(t, GUEST_B), 0xa);
	guest_map(GUEST_ARM, 0, GUEST_C);
	invalidate(t, 0, 1, &by_address, sizeof(struct command), 1);
	expect_equal(guest_dma(t, GUEST_B), 0xc);
	guest_unmap(0);
	invalidate(t, 0, 1, &all, sizeof(struct command), 1);
	*guest_memory(GUEST_C) = 0xd;
	expect_true(guest_dma(t, GUEST_B) != 0xd);
}

int hw_smmuv3(void)
{
	const struct CMUnitTest tests[] = {
		CASE(smmu, smmuv3_nested_hwpts_need_a_viommu, "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_nested_hwpts_with_flags_are_EOPNOTSUPP,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_nested_data_is_16_bytes_of_its_type,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_stream_table_entries_without_V_abort,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_nested_data_with_host_bits_is_EIO,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_nested_data_is_abort_bypass_or_stage_1,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_nested_data_has_EATS_0_or_1,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_attaching_a_translating_hwpt_needs_a_vdevice,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_nested_hwpts_and_pasids_exclude_each_other,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_nested_hwpts_refuse_devices_behind_another_smmu,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, viommu_alloc_with_a_parent_of_another_smmu_is_EINVAL,
		     "VIOMMU-ALLOC.7, TEST-CONSTANTS.8"),
		CASE(smmu, smmuv3_dma_goes_through_both_stages,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_bypass_leaves_stage_2_alone,
		     "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, smmuv3_abort_lets_nothing_through, "NESTED-DATA.2, HWPT-ALLOC-VIOMMU.7"),
		CASE(smmu, invalidating_an_smmuv3_nested_hwpt_is_EOPNOTSUPP, "HWPT-INVALIDATE.5"),
		CASE(smmu, smmuv3_invalidation_of_0_entries_is_EINVAL, "HWPT-INVALIDATE.6"),
		CASE(smmu, smmuv3_invalidation_takes_the_commands_of_a_guest,
		     "HWPT-INVALIDATE-DATA.2"),
		CASE(smmu, smmuv3_invalidation_with_other_commands_is_EIO,
		     "HWPT-INVALIDATE-DATA.2"),
		CASE(smmu, smmuv3_invalidation_with_bits_outside_the_fields_is_EIO,
		     "HWPT-INVALIDATE-DATA.2"),
		CASE(smmu, smmuv3_invalidation_names_a_vdevice_by_its_stream_id,
		     "HWPT-INVALIDATE-DATA.2"),
		CASE(smmu, smmuv3_invalidation_reads_all_commands_before_the_first_is_done,
		     "HWPT-INVALIDATE-DATA.2"),
		CASE(smmu, smmuv3_dma_reads_invalidated_entries_again, "HWPT-INVALIDATE-DATA.2"),
	};

	return cmocka_run_group_tests_name("SMMUv3", tests, NULL, NULL);
}
