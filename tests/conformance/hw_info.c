/* SPDX-License-Identifier: MIT */
/* IOMMU_GET_HW_INFO [HW-INFO]. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "groups.h"
#include "hw.h"

enum {
	ROOM = 64
};

#define info_errno(error, ...) \
	expect_errno(error, t->iommu, IOMMU_GET_HW_INFO, CMD(iommu_hw_info, __VA_ARGS__))

/* GET_HW_INFO into @length bytes at @data. */
static struct iommu_hw_info get_info(const struct fixture *t, void *data, uint32_t length)
{
	struct iommu_hw_info cmd = {
		.size = sizeof(cmd),
		.dev_id = t->dev_id,
		.data_len = length,
		.data_uptr = (uintptr_t)data,
	};

	expect_ok(t->iommu, IOMMU_GET_HW_INFO, &cmd);
	return cmd;
}

static void hw_info_with_unknown_flags_or_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	info_errno(EOPNOTSUPP, .dev_id = t->dev_id, .flags = 2);
	for (int i = 0; i < 3; i++) {
		struct iommu_hw_info cmd = {.size = sizeof(cmd), .dev_id = 99};

		cmd.__reserved[i] = 1;
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_GET_HW_INFO, &cmd);
	}
}

static void hw_info_of_no_device_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, t->hwpt};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		info_errno(ENOENT, .dev_id = ids[i]);
}

static void hw_info_of_an_unavailable_type_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t own = hw_type(t);

	for (uint32_t type = 1; type <= 5; type++) {
		struct iommu_hw_info cmd = {
			.size = sizeof(cmd),
			.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
			.dev_id = t->dev_id,
			.in_data_type = type,
		};

		expect_errno(type == own ? 0 : EOPNOTSUPP, t->iommu, IOMMU_GET_HW_INFO, &cmd);
		/* Without the flag it does not count. */
		cmd = (struct iommu_hw_info){
			.size = sizeof(cmd), .dev_id = t->dev_id, .in_data_type = type};
		expect_ok(t->iommu, IOMMU_GET_HW_INFO, &cmd);
		expect_equal(cmd.out_data_type, own);
	}
	expect_ok(t->iommu, IOMMU_GET_HW_INFO,
		  CMD(iommu_hw_info, .flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE, .dev_id = t->dev_id));
}

static void hw_info_with_an_unwritable_buffer_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);

	info_errno(EFAULT, .dev_id = t->dev_id, .data_len = 8);
	info_errno(EFAULT, .dev_id = t->dev_id, .data_len = 8,
		   .data_uptr = (uintptr_t)mem_of_kind(PAGE, MEM_RO));
	/* The room behind the information is written, too. */
	info_errno(EFAULT, .dev_id = t->dev_id, .data_len = PAGE + 1,
		   .data_uptr = (uintptr_t)mem_pages(PAGE));
}

static void hw_info_with_a_failed_copy_out_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hw_info *cmd = CMD(iommu_hw_info, .dev_id = t->dev_id);

	expect_errno(EFAULT, t->iommu, IOMMU_GET_HW_INFO, read_only(cmd, sizeof(*cmd)));
}

static void hw_info_has_the_length_of_its_type(void **state)
{
	struct fixture *t = fixture(state);
	static const uint32_t lengths[] = {
		[IOMMU_HW_INFO_TYPE_NONE] = 0,	      [IOMMU_HW_INFO_TYPE_INTEL_VTD] = 24,
		[IOMMU_HW_INFO_TYPE_ARM_SMMUV3] = 40, [IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV] = 8,
		[IOMMU_HW_INFO_TYPE_AMD] = 16,
	};
	struct iommu_hw_info cmd = get_info(t, NULL, 0);

	expect_true(cmd.out_data_type < ARRAY_SIZE(lengths));
	expect_equal(cmd.data_len, lengths[cmd.out_data_type]);
}

static void hw_info_zeroes_the_rest_of_a_larger_buffer(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t length = get_info(t, NULL, 0).data_len;
	uint8_t data[ROOM + 1];

	memset(data, 0xff, sizeof(data));
	expect_equal(get_info(t, data, ROOM).data_len, length);
	for (uint32_t i = length; i < ROOM; i++)
		expect_equal(data[i], 0);
	expect_equal(data[ROOM], 0xff);
}

static void hw_info_fills_a_smaller_buffer_with_the_first_bytes(void **state)
{
	struct fixture *t = fixture(state);
	uint8_t whole[ROOM], part[ROOM];
	const uint32_t length = get_info(t, whole, ROOM).data_len;

	for (uint32_t room = 0; room < length; room++) {
		memset(part, 0xff, sizeof(part));
		expect_equal(get_info(t, part, room).data_len, length);
		expect_true(!memcmp(part, whole, room));
		expect_equal(part[room], 0xff);
	}
}

static void hw_info_with_a_short_structure_has_no_capabilities(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hw_info cmd = {
		.size = offsetof(struct iommu_hw_info, out_capabilities),
		.dev_id = t->dev_id,
		.out_capabilities = 77,
	};

	expect_ok(t->iommu, IOMMU_GET_HW_INFO, &cmd);
	expect_equal(cmd.out_capabilities, 77);
	expect_equal(cmd.out_data_type, hw_type(t));
	cmd.size--;
	expect_errno(EINVAL, t->iommu, IOMMU_GET_HW_INFO, &cmd);
}

static void hw_info_reports_dirty_tracking_if_hwpts_can_have_it(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t capabilities = get_info(t, NULL, 0).out_capabilities;

	expect_errno(capabilities & IOMMU_HW_CAP_DIRTY_TRACKING ? 0 : EOPNOTSUPP, t->iommu,
		     IOMMU_HWPT_ALLOC,
		     CMD(iommu_hwpt_alloc, .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			 .dev_id = t->dev_id, .pt_id = t->ioas));
}

/* VMMs refuse to nest on hardware that does not say these things of itself. */
static void hw_info_says_what_vmms_ask_for(void **state)
{
	struct fixture *t = fixture(state);
	union {
		struct iommu_hw_info_vtd vtd;
		struct iommu_hw_info_arm_smmuv3 smmu;
		uint8_t room[ROOM];
	} data;
	const uint32_t type = get_info(t, &data, sizeof(data)).out_data_type;

	/* Linux says so on all hardware: nesting parents refuse read-only mappings. */
	if (type == IOMMU_HW_INFO_TYPE_INTEL_VTD)
		expect_equal(data.vtd.flags, IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17);
	/* RIL: a guest may invalidate ranges. GRAN4K, GRAN16K, GRAN64K. */
	if (type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3) {
		expect_equal(data.smmu.idr[3] & 1u << 10, 1u << 10);
		expect_equal(data.smmu.idr[5] & 7u << 4, 7u << 4);
	}
}

/* The bit is a negative one: a VMM that finds it clear offers ATS to its guest. */
static void hw_info_of_a_device_without_ats_says_so(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(get_info(t, NULL, 0).out_capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED,
		     IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
}

int hw_info(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bound, hw_info_with_unknown_flags_or_reserved_is_EOPNOTSUPP, "HW-INFO.1"),
		CASE(attached, hw_info_of_no_device_is_ENOENT, "HW-INFO.2"),
		CASE(bound, hw_info_of_an_unavailable_type_is_EOPNOTSUPP, "HW-INFO.3"),
		CASE(bound, hw_info_with_an_unwritable_buffer_is_EFAULT, "HW-INFO.4"),
		CASE(bound, hw_info_with_a_failed_copy_out_is_EFAULT, "HW-INFO.5"),
		CASE(bound, hw_info_has_the_length_of_its_type, "HW-INFO, DEVICE.9"),
		CASE(bound, hw_info_zeroes_the_rest_of_a_larger_buffer, "HW-INFO"),
		CASE(bound, hw_info_fills_a_smaller_buffer_with_the_first_bytes, "HW-INFO"),
		CASE(bound, hw_info_with_a_short_structure_has_no_capabilities, "HW-INFO"),
		CASE(bound, hw_info_reports_dirty_tracking_if_hwpts_can_have_it,
		     "HW-INFO, DEVICE.6"),
		CASE(bound, hw_info_of_a_device_without_ats_says_so, "HW-INFO"),
		CASE(bound, hw_info_says_what_vmms_ask_for, "HWPT-ALLOC-FLAGS.2"),
	};

	return cmocka_run_group_tests_name("GET_HW_INFO", tests, NULL, NULL);
}
