/* SPDX-License-Identifier: MIT */
/* 20-hwpt-device, 12: HWPT_INVALIDATE, of mock hardware (50-test-abi, 4.2 and 4.3). */
#include <errno.h>
#include <string.h>

#include "groups.h"
#include "nested.h"

#define NESTED_TYPE IOMMU_HWPT_INVALIDATE_DATA_SELFTEST
#define VIOMMU_TYPE IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST

/* nested: t->hwpt becomes a nested table. */
static int setup_table(void **state)
{
	struct fixture *t;

	if (setup_nested(state))
		return -1;
	t = *state;
	t->hwpt = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);
	return 0;
}

/* viommu: the device has a vDEVICE, VIRT_ID. */
static int setup_vdevice(void **state)
{
	struct fixture *t;

	if (setup_viommu(state))
		return -1;
	t = *state;
	new_vdevice(t->iommu, nested.viommu, mock.idev, VIRT_ID);
	return 0;
}

#define invalidate_errno(error, ...)                         \
	expect_errno(error, t->iommu, IOMMU_HWPT_INVALIDATE, \
		     CMD(iommu_hwpt_invalidate, __VA_ARGS__))

/*
 * The four entries of the IOTLB of t->hwpt: bit n of @kept is that entry n is as it was, and 0
 * otherwise.
 */
static void expect_iotlb(const struct fixture *t, unsigned int kept)
{
	for (uint32_t id = 0; id < MOCK_IOTLB_ENTRIES; id++) {
		uint32_t value = kept & 1u << id ? MOCK_IOTLB_INITIAL : 0;

		test_ok(t->iommu, MD_CHECK_IOTLB, t->hwpt,
			.md_check_iotlb = {.id = id, .iotlb = value});
	}
}

/* The same of the cache of device @idev. */
static void expect_cache(const struct fixture *t, uint32_t idev, unsigned int kept)
{
	for (uint32_t id = 0; id < MOCK_DEV_CACHE_ENTRIES; id++) {
		uint32_t value = kept & 1u << id ? MOCK_DEV_CACHE_INITIAL : 0;

		test_ok(t->iommu, DEV_CHECK_CACHE, idev,
			.dev_check_cache = {.id = id, .cache = value});
	}
}

/* ---- the generic rows ---- */

static void s20_12_row1_reserved_must_be_zero(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = 99,
		.entry_num = 1,
		.__reserved = 1,
	};

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_INVALIDATE, &cmd);
	expect_equal(cmd.entry_num, 0);
}

static void s20_12_row2_an_array_needs_address_and_length(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entry = {.iotlb_id = 0};

	expect_invalidate(EINVAL, 0, t->iommu, 99, NESTED_TYPE, NULL, sizeof(entry), 1);
	expect_invalidate(EINVAL, 0, t->iommu, 99, NESTED_TYPE, &entry, 0, 1);
	expect_invalidate(EINVAL, 0, t->iommu, 99, NESTED_TYPE, &entry, PAGE + 1, 1);
	expect_invalidate(EINVAL, 0, t->iommu, 99, NESTED_TYPE, &entry, sizeof(entry), 524289);
	expect_invalidate(ENOENT, 0, t->iommu, 99, NESTED_TYPE, &entry, sizeof(entry), 524288);
	/* None of that counts without entries. */
	expect_invalidate(0, 0, t->iommu, t->hwpt, NESTED_TYPE, NULL, PAGE + 1, 0);
}

static void s20_12_row3_an_unknown_id_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entry = {.iotlb_id = 0};

	expect_invalidate(ENOENT, 0, t->iommu, 0, NESTED_TYPE, &entry, sizeof(entry), 1);
	expect_invalidate(ENOENT, 0, t->iommu, 99, NESTED_TYPE, NULL, 0, 0);
}

static void s20_12_row4_other_objects_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entry = {.iotlb_id = 0};
	const uint32_t ids[] = {t->ioas, mock.idev, mock.stdev, mock.hwpt, nested.parent};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		expect_invalidate(EINVAL, 0, t->iommu, ids[i], NESTED_TYPE, &entry, sizeof(entry),
				  1);
		expect_invalidate(EINVAL, 0, t->iommu, ids[i], NESTED_TYPE, NULL, 0, 0);
	}
}

static void s20_12_row6_another_type_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entry = {.iotlb_id = 0};
	const uint32_t types[] = {IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
				  IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, 12345};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		expect_invalidate(EINVAL, 0, t->iommu, t->hwpt, types[i], &entry, sizeof(entry), 1);
		expect_invalidate(EINVAL, 0, t->iommu, nested.viommu, types[i], &entry,
				  sizeof(entry), 1);
		/* That is what a probe is for. */
		expect_invalidate(EINVAL, 0, t->iommu, t->hwpt, types[i], NULL, 0, 0);
		expect_invalidate(EINVAL, 0, t->iommu, nested.viommu, types[i], NULL, 0, 0);
	}
	expect_invalidate(0, 0, t->iommu, t->hwpt, NESTED_TYPE, NULL, 0, 0);
	expect_invalidate(0, 0, t->iommu, nested.viommu, VIOMMU_TYPE, NULL, 0, 0);
}

static void s20_12_row8_a_failed_copy_out_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entry = {.iotlb_id = 1};
	const struct iommu_hwpt_invalidate *good =
		CMD(iommu_hwpt_invalidate, .hwpt_id = t->hwpt, .data_uptr = (uintptr_t)&entry,
		    .data_type = NESTED_TYPE, .entry_len = sizeof(entry), .entry_num = 1);
	const struct iommu_hwpt_invalidate *bad = CMD(iommu_hwpt_invalidate, .hwpt_id = 99);

	expect_errno(EFAULT, t->iommu, IOMMU_HWPT_INVALIDATE, read_only(good, sizeof(*good)));
	/* What was done is done. */
	expect_iotlb(t, 0xd);
	/* It hides other errors. */
	expect_errno(EFAULT, t->iommu, IOMMU_HWPT_INVALIDATE, read_only(bad, sizeof(*bad)));
}

static void s20_12_the_rows_are_tested_in_order(void **state)
{
	struct fixture *t = fixture(state);

	invalidate_errno(EOPNOTSUPP, .hwpt_id = 99, .entry_num = 1, .__reserved = 1);
	invalidate_errno(EINVAL, .hwpt_id = 99, .entry_num = 1);
	invalidate_errno(ENOENT, .hwpt_id = 99);
	invalidate_errno(EINVAL, .hwpt_id = t->ioas, .data_type = NESTED_TYPE);
	/* An entry's length is looked at when it is its turn, after the type. */
	invalidate_errno(EINVAL, .hwpt_id = t->hwpt, .data_type = 1, .entry_num = 1, .data_uptr = 1,
			 .entry_len = 8);
	invalidate_errno(EFAULT, .hwpt_id = t->hwpt, .data_type = NESTED_TYPE, .entry_num = 1,
			 .data_uptr = 1, .entry_len = 8);
}

/* ---- a nested table ---- */

static void s20_12_row7_one_entry_or_all_become_zero(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest two[] = {{.iotlb_id = 0}, {.iotlb_id = 2}};
	const struct iommu_hwpt_invalidate_selftest all = {.flags = MOCK_INVALIDATE_ALL};

	expect_invalidate(0, 1, t->iommu, t->hwpt, NESTED_TYPE, two, sizeof(two[0]), 1);
	expect_iotlb(t, 0xe);
	expect_invalidate(0, 2, t->iommu, t->hwpt, NESTED_TYPE, two, sizeof(two[0]), 2);
	expect_iotlb(t, 0xa);
	expect_invalidate(0, 1, t->iommu, t->hwpt, NESTED_TYPE, &all, sizeof(all), 1);
	expect_iotlb(t, 0);
}

static void s20_12_row7_each_table_has_an_iotlb_of_its_own(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest all = {.flags = MOCK_INVALIDATE_ALL};
	uint32_t other = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);

	expect_invalidate(0, 1, t->iommu, other, NESTED_TYPE, &all, sizeof(all), 1);
	expect_iotlb(t, 0xf);
}

static void s20_12_row7_bad_entries_of_a_table_end_the_walk(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_hwpt_invalidate_selftest entries[] = {
		{.iotlb_id = 0}, {.flags = 2, .iotlb_id = 1}, {.iotlb_id = 2}};

	expect_invalidate(EOPNOTSUPP, 1, t->iommu, t->hwpt, NESTED_TYPE, entries,
			  sizeof(entries[0]), 3);
	expect_iotlb(t, 0xe);
	entries[1] = (struct iommu_hwpt_invalidate_selftest){.iotlb_id = 4};
	expect_invalidate(EINVAL, 1, t->iommu, t->hwpt, NESTED_TYPE, entries, sizeof(entries[0]),
			  3);
	/* Although it says all. */
	entries[1].flags = MOCK_INVALIDATE_ALL;
	expect_invalidate(EINVAL, 1, t->iommu, t->hwpt, NESTED_TYPE, entries, sizeof(entries[0]),
			  3);
	expect_iotlb(t, 0xe);
}

static void s20_12_row7_entries_have_exactly_8_bytes(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t entries[3] = {0, 0, 0};

	expect_invalidate(EINVAL, 0, t->iommu, t->hwpt, NESTED_TYPE, entries, 4, 1);
	expect_invalidate(EINVAL, 0, t->iommu, t->hwpt, NESTED_TYPE, entries, 7, 1);
	expect_invalidate(EINVAL, 0, t->iommu, t->hwpt, NESTED_TYPE, entries, 16, 1);
	expect_iotlb(t, 0xf);
}

static void s20_12_row7_entries_that_cannot_be_read_are_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entries[] = {{.iotlb_id = 1}, {.iotlb_id = 2}};

	expect_invalidate(EFAULT, 1, t->iommu, t->hwpt, NESTED_TYPE,
			  before_hole(entries, sizeof(entries[0])), sizeof(entries[0]), 2);
	expect_iotlb(t, 0xd);
}

static void s20_12_row7_tables_on_a_viommu_are_invalidated_by_id_too(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entry = {.iotlb_id = 3};

	t->hwpt = nested_hwpt(t->iommu, mock.idev, nested.viommu, 0);
	expect_invalidate(0, 1, t->iommu, t->hwpt, NESTED_TYPE, &entry, sizeof(entry), 1);
	expect_iotlb(t, 0x7);
}

/* ---- a vIOMMU ---- */

static void s20_12_row7_entries_name_the_device_by_its_virtual_id(void **state)
{
	struct fixture *t = fixture(state);
	struct mock other = add_mock(t->iommu, t->ioas, 0);
	const struct iommu_viommu_invalidate_selftest entries[] = {
		{.vdev_id = 0x88, .cache_id = 0},
		{.vdev_id = (uint32_t)VIRT_ID, .cache_id = 3},
		{.vdev_id = 0x88, .cache_id = 2},
	};

	new_vdevice(t->iommu, nested.viommu, other.idev, 0x88);
	expect_invalidate(0, 3, t->iommu, nested.viommu, VIOMMU_TYPE, entries, sizeof(entries[0]),
			  3);
	expect_cache(t, mock.idev, 0x7);
	expect_cache(t, other.idev, 0xa);
}

static void s20_12_row7_all_of_a_device(void **state)
{
	struct fixture *t = fixture(state);
	struct mock other = add_mock(t->iommu, t->ioas, 0);
	const struct iommu_viommu_invalidate_selftest all = {.flags = MOCK_INVALIDATE_ALL,
							     .vdev_id = (uint32_t)VIRT_ID};

	new_vdevice(t->iommu, nested.viommu, other.idev, 0x88);
	expect_invalidate(0, 1, t->iommu, nested.viommu, VIOMMU_TYPE, &all, sizeof(all), 1);
	expect_cache(t, mock.idev, 0);
	expect_cache(t, other.idev, 0xf);
}

static void s20_12_row7_bad_entries_of_a_viommu_end_the_walk(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t id = (uint32_t)VIRT_ID;
	struct iommu_viommu_invalidate_selftest entries[] = {
		{.vdev_id = id, .cache_id = 0},
		{.flags = 2, .vdev_id = 99, .cache_id = 9},
		{.vdev_id = id, .cache_id = 1},
	};

	expect_invalidate(EOPNOTSUPP, 1, t->iommu, nested.viommu, VIOMMU_TYPE, entries,
			  sizeof(entries[0]), 3);
	entries[1].flags = MOCK_INVALIDATE_ALL;
	expect_invalidate(EINVAL, 1, t->iommu, nested.viommu, VIOMMU_TYPE, entries,
			  sizeof(entries[0]), 3);
	entries[1].vdev_id = id;
	expect_invalidate(EINVAL, 1, t->iommu, nested.viommu, VIOMMU_TYPE, entries,
			  sizeof(entries[0]), 3);
	entries[1] = (struct iommu_viommu_invalidate_selftest){.vdev_id = 99};
	expect_invalidate(EINVAL, 1, t->iommu, nested.viommu, VIOMMU_TYPE, entries,
			  sizeof(entries[0]), 3);
	expect_cache(t, mock.idev, 0xe);
}

static void s20_12_row7_all_entries_are_read_before_the_first_is_done(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_viommu_invalidate_selftest entries[] = {{.vdev_id = (uint32_t)VIRT_ID},
								   {.vdev_id = (uint32_t)VIRT_ID}};

	expect_invalidate(EFAULT, 0, t->iommu, nested.viommu, VIOMMU_TYPE,
			  before_hole(entries, sizeof(entries[0])), sizeof(entries[0]), 2);
	expect_cache(t, mock.idev, 0xf);
}

static void s20_12_row7_shorter_entries_are_extended_with_zeros(void **state)
{
	struct fixture *t = fixture(state);
	/* flags and vdev_id only: cache 0. */
	const uint32_t entries[] = {0, (uint32_t)VIRT_ID, MOCK_INVALIDATE_ALL, 99};

	expect_invalidate(EINVAL, 1, t->iommu, nested.viommu, VIOMMU_TYPE, entries, 8, 2);
	expect_cache(t, mock.idev, 0xe);
}

static void s20_12_row7_longer_entries_need_a_tail_of_zeros(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t entries[] = {0, (uint32_t)VIRT_ID, 1, 0, 0, (uint32_t)VIRT_ID, 2, 1};

	expect_invalidate(E2BIG, 0, t->iommu, nested.viommu, VIOMMU_TYPE, entries, 16, 2);
	expect_cache(t, mock.idev, 0xf);
	entries[7] = 0;
	expect_invalidate(0, 2, t->iommu, nested.viommu, VIOMMU_TYPE, entries, 16, 2);
	expect_cache(t, mock.idev, 0x9);
}

static void s20_12_row7_a_destroyed_vdevice_is_not_found(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_viommu_invalidate_selftest entry = {.vdev_id = 0x88};
	struct mock other = add_mock(t->iommu, t->ioas, 0);
	uint32_t vdevice = new_vdevice(t->iommu, nested.viommu, other.idev, 0x88);

	destroy(t->iommu, vdevice);
	expect_invalidate(EINVAL, 0, t->iommu, nested.viommu, VIOMMU_TYPE, &entry, sizeof(entry),
			  1);
	new_vdevice(t->iommu, nested.viommu, other.idev, 0x88);
	expect_invalidate(0, 1, t->iommu, nested.viommu, VIOMMU_TYPE, &entry, sizeof(entry), 1);
	destroy(t->iommu, other.stdev);
	expect_invalidate(EINVAL, 0, t->iommu, nested.viommu, VIOMMU_TYPE, &entry, sizeof(entry),
			  1);
}

/* Both kinds of objects, for rows that are the same. */
static int setup_both(void **state)
{
	struct fixture *t;

	if (setup_vdevice(state))
		return -1;
	t = *state;
	t->hwpt = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);
	return 0;
}

int hwpt_invalidate(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, s20_12_row1_reserved_must_be_zero),
		CASE(table, s20_12_row2_an_array_needs_address_and_length),
		CASE(context, s20_12_row3_an_unknown_id_is_ENOENT),
		CASE(nested, s20_12_row4_other_objects_are_EINVAL),
		CASE(both, s20_12_row6_another_type_is_EINVAL),
		CASE(table, s20_12_row8_a_failed_copy_out_is_EFAULT),
		CASE(table, s20_12_the_rows_are_tested_in_order),
		CASE(table, s20_12_row7_one_entry_or_all_become_zero),
		CASE(table, s20_12_row7_each_table_has_an_iotlb_of_its_own),
		CASE(table, s20_12_row7_bad_entries_of_a_table_end_the_walk),
		CASE(table, s20_12_row7_entries_have_exactly_8_bytes),
		CASE(table, s20_12_row7_entries_that_cannot_be_read_are_EFAULT),
		CASE(viommu, s20_12_row7_tables_on_a_viommu_are_invalidated_by_id_too),
		CASE(vdevice, s20_12_row7_entries_name_the_device_by_its_virtual_id),
		CASE(vdevice, s20_12_row7_all_of_a_device),
		CASE(vdevice, s20_12_row7_bad_entries_of_a_viommu_end_the_walk),
		CASE(vdevice, s20_12_row7_all_entries_are_read_before_the_first_is_done),
		CASE(vdevice, s20_12_row7_shorter_entries_are_extended_with_zeros),
		CASE(vdevice, s20_12_row7_longer_entries_need_a_tail_of_zeros),
		CASE(vdevice, s20_12_row7_a_destroyed_vdevice_is_not_found),
	};

	return cmocka_run_group_tests_name("20-hwpt-device 12: HWPT_INVALIDATE", tests, NULL, NULL);
}
