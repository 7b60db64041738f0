/* SPDX-License-Identifier: MIT */
/* HWPT_INVALIDATE of mock hardware [HWPT-INVALIDATE], [MOCK-NESTED], [MOCK-VIOMMU]. */
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

static void invalidate_with_reserved_is_EOPNOTSUPP(void **state)
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

static void invalidate_wants_address_and_length_of_the_array(void **state)
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

static void invalidate_of_an_unknown_id_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entry = {.iotlb_id = 0};

	expect_invalidate(ENOENT, 0, t->iommu, 0, NESTED_TYPE, &entry, sizeof(entry), 1);
	expect_invalidate(ENOENT, 0, t->iommu, 99, NESTED_TYPE, NULL, 0, 0);
}

static void invalidate_of_another_type_of_object_is_EINVAL(void **state)
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

static void invalidate_with_another_data_type_is_EINVAL(void **state)
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

static void invalidate_with_a_failed_copy_out_is_EFAULT(void **state)
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

static void invalidate_checks_in_order(void **state)
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

static void invalidation_zeroes_one_iotlb_entry_or_all(void **state)
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

static void each_nested_hwpt_has_its_own_iotlb(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest all = {.flags = MOCK_INVALIDATE_ALL};
	uint32_t other = nested_hwpt(t->iommu, mock.idev, nested.parent, 0);

	expect_invalidate(0, 1, t->iommu, other, NESTED_TYPE, &all, sizeof(all), 1);
	expect_iotlb(t, 0xf);
}

static void invalidation_of_a_nested_hwpt_stops_at_a_bad_entry(void **state)
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

static void invalidation_entries_of_a_nested_hwpt_have_8_bytes(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t entries[3] = {0, 0, 0};

	expect_invalidate(EINVAL, 0, t->iommu, t->hwpt, NESTED_TYPE, entries, 4, 1);
	expect_invalidate(EINVAL, 0, t->iommu, t->hwpt, NESTED_TYPE, entries, 7, 1);
	expect_invalidate(EINVAL, 0, t->iommu, t->hwpt, NESTED_TYPE, entries, 16, 1);
	expect_iotlb(t, 0xf);
}

static void invalidation_entries_that_cannot_be_read_are_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entries[] = {{.iotlb_id = 1}, {.iotlb_id = 2}};

	expect_invalidate(EFAULT, 1, t->iommu, t->hwpt, NESTED_TYPE,
			  before_hole(entries, sizeof(entries[0])), sizeof(entries[0]), 2);
	expect_iotlb(t, 0xd);
}

static void nested_hwpts_on_a_viommu_are_invalidated_by_id_too(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_invalidate_selftest entry = {.iotlb_id = 3};

	t->hwpt = nested_hwpt(t->iommu, mock.idev, nested.viommu, 0);
	expect_invalidate(0, 1, t->iommu, t->hwpt, NESTED_TYPE, &entry, sizeof(entry), 1);
	expect_iotlb(t, 0x7);
}

/* ---- a vIOMMU ---- */

static void invalidation_of_a_viommu_names_the_device_by_its_virtual_id(void **state)
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

static void invalidation_of_a_viommu_zeroes_all_of_a_device(void **state)
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

static void invalidation_of_a_viommu_stops_at_a_bad_entry(void **state)
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

static void invalidation_of_a_viommu_reads_all_entries_before_the_first_is_done(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_viommu_invalidate_selftest entries[] = {{.vdev_id = (uint32_t)VIRT_ID},
								   {.vdev_id = (uint32_t)VIRT_ID}};

	expect_invalidate(EFAULT, 0, t->iommu, nested.viommu, VIOMMU_TYPE,
			  before_hole(entries, sizeof(entries[0])), sizeof(entries[0]), 2);
	expect_cache(t, mock.idev, 0xf);
}

static void shorter_invalidation_entries_of_a_viommu_are_extended_with_zeros(void **state)
{
	struct fixture *t = fixture(state);
	/* flags and vdev_id only: cache 0. */
	const uint32_t entries[] = {0, (uint32_t)VIRT_ID, MOCK_INVALIDATE_ALL, 99};

	expect_invalidate(EINVAL, 1, t->iommu, nested.viommu, VIOMMU_TYPE, entries, 8, 2);
	expect_cache(t, mock.idev, 0xe);
}

static void longer_invalidation_entries_of_a_viommu_need_a_tail_of_zeros(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t entries[] = {0, (uint32_t)VIRT_ID, 1, 0, 0, (uint32_t)VIRT_ID, 2, 1};

	expect_invalidate(E2BIG, 0, t->iommu, nested.viommu, VIOMMU_TYPE, entries, 16, 2);
	expect_cache(t, mock.idev, 0xf);
	/* The tail comes first: E2BIG with the entry itself or a later page unreadable. */
	expect_invalidate(E2BIG, 0, t->iommu, nested.viommu, VIOMMU_TYPE,
			  at_border(entries, sizeof(entries), 12, MEM_HOLE, MEM_RW), 32, 1);
	expect_invalidate(E2BIG, 0, t->iommu, nested.viommu, VIOMMU_TYPE,
			  at_border(entries, sizeof(entries), 24, MEM_RW, MEM_HOLE), 32, 1);
	expect_cache(t, mock.idev, 0xf);
	entries[7] = 0;
	expect_invalidate(0, 2, t->iommu, nested.viommu, VIOMMU_TYPE, entries, 16, 2);
	expect_cache(t, mock.idev, 0x9);
}

static void invalidation_does_not_find_a_destroyed_vdevice(void **state)
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
		CASE(context, invalidate_with_reserved_is_EOPNOTSUPP, "HWPT-INVALIDATE.1"),
		CASE(table, invalidate_wants_address_and_length_of_the_array, "HWPT-INVALIDATE.2"),
		CASE(context, invalidate_of_an_unknown_id_is_ENOENT, "HWPT-INVALIDATE.3"),
		CASE(nested, invalidate_of_another_type_of_object_is_EINVAL, "HWPT-INVALIDATE.4"),
		CASE(both, invalidate_with_another_data_type_is_EINVAL, "HWPT-INVALIDATE.6"),
		CASE(table, invalidate_with_a_failed_copy_out_is_EFAULT, "HWPT-INVALIDATE.8"),
		CASE(table, invalidate_checks_in_order, "HWPT-INVALIDATE"),
		CASE(table, invalidation_zeroes_one_iotlb_entry_or_all,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(table, each_nested_hwpt_has_its_own_iotlb,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(table, invalidation_of_a_nested_hwpt_stops_at_a_bad_entry,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(table, invalidation_entries_of_a_nested_hwpt_have_8_bytes,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(table, invalidation_entries_that_cannot_be_read_are_EFAULT,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(viommu, nested_hwpts_on_a_viommu_are_invalidated_by_id_too,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(vdevice, invalidation_of_a_viommu_names_the_device_by_its_virtual_id,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(vdevice, invalidation_of_a_viommu_zeroes_all_of_a_device,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(vdevice, invalidation_of_a_viommu_stops_at_a_bad_entry,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(vdevice, invalidation_of_a_viommu_reads_all_entries_before_the_first_is_done,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(vdevice, shorter_invalidation_entries_of_a_viommu_are_extended_with_zeros,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(vdevice, longer_invalidation_entries_of_a_viommu_need_a_tail_of_zeros,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
		CASE(vdevice, invalidation_does_not_find_a_destroyed_vdevice,
		     "HWPT-INVALIDATE.7, HWPT-INVALIDATE-DATA.3"),
	};

	return cmocka_run_group_tests_name("HWPT_INVALIDATE", tests, NULL, NULL);
}
