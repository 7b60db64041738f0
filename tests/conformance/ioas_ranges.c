/* SPDX-License-Identifier: MIT */
/*
 * IOAS_ALLOC, IOVA_RANGES, ALLOW_IOVAS, alignment [IOAS-ALLOC], [IOAS-USABLE],
 * [IOAS-ALIGNMENT]. What devices add is in attach_ranges.c.
 */
#include <errno.h>

#include "conformance.h"
#include "groups.h"

/* ---- IOAS_ALLOC ---- */

static void ioas_alloc_with_flags_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	for (unsigned int bit = 0; bit < 32; bit++)
		expect_errno(EOPNOTSUPP, t->iommu, IOMMU_IOAS_ALLOC,
			     CMD(iommu_ioas_alloc, .flags = 1u << bit));
}

static void ioas_alloc_with_a_failed_copy_out_undoes_the_object(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_ALLOC, read_only(&alloc, sizeof(alloc)));
	expect_equal(new_ioas(t->iommu), t->ioas + 1);
}

static void a_fresh_ioas_is_empty_and_unlimited(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_option huge = {
		.size = sizeof(huge),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_GET,
		.object_id = t->ioas,
	};
	struct iommu_ioas_unmap everything = {
		.size = sizeof(everything), .ioas_id = t->ioas, .length = UINT64_MAX};
	struct iommu_iova_range range;
	uint64_t alignment;

	expect_equal(iova_ranges(t->iommu, t->ioas, &range, 1, &alignment), 1);
	expect_equal(range.start, 0);
	expect_equal(range.last, UINT64_MAX);
	expect_equal(alignment, 1);
	expect_ok(t->iommu, IOMMU_OPTION, &huge);
	expect_equal(huge.val64, 1);
	expect_ok(t->iommu, IOMMU_IOAS_UNMAP, &everything);
	expect_equal(everything.length, 0);
}

/* ---- IOVA_RANGES ---- */

static void iova_ranges_with_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	/* Also without such an IOAS: [IOAS-IOVA-RANGES.1] is tested first. */
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_IOAS_IOVA_RANGES,
		     CMD(iommu_ioas_iova_ranges, .ioas_id = t->ioas, .__reserved = 1));
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_IOAS_IOVA_RANGES,
		     CMD(iommu_ioas_iova_ranges, .ioas_id = 99, .__reserved = 1u << 31));
}

static void iova_ranges_of_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(ENOENT, t->iommu, IOMMU_IOAS_IOVA_RANGES,
		     CMD(iommu_ioas_iova_ranges, .ioas_id = t->ioas + 1, .num_iovas = 1));
}

static void iova_ranges_with_an_unwritable_array_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range room = {1, 2};
	const void *arrays[] = {
		NULL,
		mem_of_kind(PAGE, MEM_HOLE),
		mem_of_kind(PAGE, MEM_RO),
		before_hole(&room, sizeof(room) - 1),
	};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++)
		expect_errno(EFAULT, t->iommu, IOMMU_IOAS_IOVA_RANGES,
			     CMD(iommu_ioas_iova_ranges, .ioas_id = t->ioas, .num_iovas = 1,
				 .allowed_iovas = (uintptr_t)arrays[i]));
}

static void iova_ranges_with_a_failed_copy_out_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range range = {1, 2};
	struct iommu_ioas_iova_ranges cmd = {.size = sizeof(cmd),
					     .ioas_id = t->ioas,
					     .num_iovas = 1,
					     .allowed_iovas = (uintptr_t)&range};

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_IOVA_RANGES, read_only(&cmd, sizeof(cmd)));
	expect_equal(range.last, UINT64_MAX);
}

static void iova_ranges_with_too_small_an_array_is_EMSGSIZE(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_iova_ranges cmd = {.size = sizeof(cmd), .ioas_id = t->ioas};

	expect_errno(EMSGSIZE, t->iommu, IOMMU_IOAS_IOVA_RANGES, &cmd);
	expect_equal(cmd.num_iovas, 1);
}

static void iova_ranges_leaves_unused_array_entries(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range range = {1, 2};
	struct iommu_iova_range array[3] = {{0, 0}, {5, 6}, {7, 8}};

	expect_equal(iova_ranges(t->iommu, t->ioas, array, 3, NULL), 1);
	expect_equal(array[0].last, UINT64_MAX);
	expect_equal(array[1].start, 5);
	expect_equal(array[2].last, 8);
	/* Nor need they exist, however many are claimed. */
	expect_ok(t->iommu, IOMMU_IOAS_IOVA_RANGES,
		  CMD(iommu_ioas_iova_ranges, .ioas_id = t->ioas, .num_iovas = UINT32_MAX,
		      .allowed_iovas = (uintptr_t)before_hole(&range, sizeof(range))));
}

static void iova_ranges_ignores_areas_and_the_allowed_list(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range allowed = {0x100000, 0x1fffff};
	struct iommu_iova_range range;

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	allow(t->iommu, t->ioas, &allowed, 1);
	expect_equal(iova_ranges(t->iommu, t->ioas, &range, 1, NULL), 1);
	expect_equal(range.start, 0);
	expect_equal(range.last, UINT64_MAX);
}

/* ---- ALLOW_IOVAS ---- */

static void expect_allow(int error, const struct fixture *t, const void *ranges, uint32_t count)
{
	expect_errno(error, t->iommu, IOMMU_IOAS_ALLOW_IOVAS,
		     CMD(iommu_ioas_allow_iovas, .ioas_id = t->ioas, .num_iovas = count,
			 .allowed_iovas = (uintptr_t)ranges));
}

static void allow_iovas_with_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_IOAS_ALLOW_IOVAS,
		     CMD(iommu_ioas_allow_iovas, .ioas_id = 99, .num_iovas = 1, .__reserved = 1));
}

static void allow_iovas_of_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);

	expect_errno(ENOENT, t->iommu, IOMMU_IOAS_ALLOW_IOVAS,
		     CMD(iommu_ioas_allow_iovas, .ioas_id = 99, .num_iovas = 1));
}

static void allow_iovas_with_an_unreadable_entry_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range ranges[2] = {{0x1000, 0x1fff}, {0x3000, 0x3fff}};

	expect_allow(EFAULT, t, NULL, 1);
	expect_allow(EFAULT, t, mem_of_kind(PAGE, MEM_NONE), 1);
	expect_allow(EFAULT, t, before_hole(ranges, sizeof(ranges[0])), 2);
	expect_allow(EFAULT, t, before_hole(ranges, sizeof(ranges) - 1), 2);
}

static void allow_iovas_with_start_not_below_last_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range equal = {0x1000, 0x1000}, above = {0x1001, 0x1000};

	expect_allow(EINVAL, t, &equal, 1);
	expect_allow(EINVAL, t, &above, 1);
}

static void allow_iovas_with_intersecting_entries_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range pairs[][2] = {
		{{0x1000, 0x1fff}, {0x1fff, 0x2fff}}, {{0x1fff, 0x2fff}, {0x1000, 0x1fff}},
		{{0x1000, 0x1fff}, {0x1000, 0x1fff}}, {{0, UINT64_MAX}, {0x1000, 0x1fff}},
		{{0x1400, 0x1500}, {0x1000, 0x1fff}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		expect_allow(EINVAL, t, pairs[i], 2);
}

static void allow_iovas_checks_entries_in_array_order(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range wrong[2] = {{0x1000, 0x1000}, {0x3000, 0x3fff}};
	const struct iommu_iova_range overlap[2] = {{0x1000, 0x1fff}, {0x1000, 0x1fff}};

	expect_allow(EINVAL, t, before_hole(wrong, sizeof(wrong[0])), 2);
	expect_allow(EINVAL, t, before_hole(overlap, sizeof(overlap)), 3);
}

static void allow_iovas_takes_adjacent_entries_in_any_order(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range ranges[] = {{0x7000, 0x7fff},
						  {0x1001, 0x1003},
						  {0x6000, 0x6fff},
						  {0, 0x1000},
						  {0x1004, 0x1fff}};

	expect_allow(0, t, ranges, ARRAY_SIZE(ranges));
}

static void allow_iovas_takes_the_whole_space(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range all = {0, UINT64_MAX};

	expect_allow(0, t, &all, 1);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), PAGE);
}

static void allow_iovas_replaces_the_whole_list(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range low = {0x10000, 0x1ffff}, high = {0x80000, 0x8ffff};

	allow(t->iommu, t->ioas, &low, 1);
	allow(t->iommu, t->ioas, &high, 1);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), high.start);
}

static void allow_iovas_without_entries_empties_the_list(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range high = {0x80000, 0x8ffff};

	allow(t->iommu, t->ioas, &high, 1);
	allow(t->iommu, t->ioas, NULL, 0);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), PAGE);
	/* The address of no array does not matter. */
	expect_allow(0, t, mem_of_kind(PAGE, MEM_HOLE), 0);
}

static void allow_iovas_keeps_the_old_list_on_an_error(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range high = {0x80000, 0x8ffff};
	const struct iommu_iova_range bad[2] = {{0x10000, 0x1ffff}, {0x30000, 0x30000}};

	allow(t->iommu, t->ioas, &high, 1);
	expect_allow(EINVAL, t, bad, 2);
	expect_allow(EFAULT, t, NULL, 1);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), high.start);
}

static void allow_iovas_neither_checks_nor_affects_areas(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range ranges[] = {{IOVA, IOVA + 10 * PAGE}, {0x80000, 0x8ffff}};

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(2 * PAGE), 2 * PAGE);
	allow(t->iommu, t->ioas, ranges, 2);
	allow(t->iommu, t->ioas, &ranges[1], 1);
	expect_true(is_mapped(t->iommu, t->ioas, IOVA));
	/* Fixed mappings may be anywhere. */
	map_at(t->iommu, t->ioas, RW, 16 * IOVA, mem_pages(PAGE), PAGE);
}

/* ---- alignment ---- */

static uint64_t alignment_of(const struct fixture *t)
{
	uint64_t alignment;

	iova_ranges(t->iommu, t->ioas, NULL, 0, &alignment);
	return alignment;
}

static void huge_pages_off_raises_the_alignment_to_a_page(void **state)
{
	struct fixture *t = fixture(state);

	set_huge_pages(t->iommu, t->ioas, false);
	expect_equal(alignment_of(t), PAGE);
	set_huge_pages(t->iommu, t->ioas, true);
	expect_equal(alignment_of(t), 1);
}

static void a_page_table_raises_the_alignment_while_it_is_there(void **state)
{
	struct fixture *t = fixture(state);

	attach_device(t->device, t->ioas);
	expect_equal(alignment_of(t), PAGE);
	detach_device(t->device);
	expect_equal(alignment_of(t), 1);
}

/*
 * Areas that keep an alignment of a page away: by IOVA, by length, by offset in the page of
 * memory.
 */
static void raising_the_alignment_over_unaligned_areas_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	const char *va = mem_pages(4 * PAGE);
	const struct {
		uint64_t iova, offset, length;
	} areas[] = {
		{IOVA + 8, 0, PAGE}, {IOVA, 8, PAGE}, {IOVA, 0, PAGE - 8}, {IOVA + 1, 1, PAGE}};

	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		map_at(t->iommu, t->ioas, RW, areas[i].iova, va + areas[i].offset, areas[i].length);
		expect_errno(EADDRINUSE, t->iommu, IOMMU_OPTION,
			     CMD(iommu_option, .option_id = IOMMU_OPTION_HUGE_PAGES,
				 .op = IOMMU_OPTION_OP_SET, .object_id = t->ioas));
		expect_equal(alignment_of(t), 1);
		expect_errno(EADDRINUSE, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
			     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = t->ioas));
		expect_equal(alignment_of(t), 1);
		unmap(t->iommu, t->ioas, areas[i].iova, areas[i].length);
	}
	set_huge_pages(t->iommu, t->ioas, false);
	attach_device(t->device, t->ioas);
}

int ioas_ranges(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, ioas_alloc_with_flags_is_EOPNOTSUPP, "IOAS-ALLOC.1"),
		CASE(ioas, ioas_alloc_with_a_failed_copy_out_undoes_the_object, "IOAS-ALLOC.3"),
		CASE(ioas, a_fresh_ioas_is_empty_and_unlimited,
		     "IOAS-ALLOC, OBJECTS.1, IOAS-ALIGNMENT.1"),
		CASE(ioas, iova_ranges_with_reserved_is_EOPNOTSUPP, "IOAS-IOVA-RANGES.1"),
		CASE(ioas, iova_ranges_of_no_ioas_is_ENOENT, "IOAS-IOVA-RANGES.2"),
		CASE(ioas, iova_ranges_with_an_unwritable_array_is_EFAULT, "IOAS-IOVA-RANGES.3"),
		CASE(ioas, iova_ranges_with_a_failed_copy_out_is_EFAULT, "IOAS-IOVA-RANGES.4"),
		CASE(ioas, iova_ranges_with_too_small_an_array_is_EMSGSIZE, "IOAS-IOVA-RANGES.5"),
		CASE(ioas, iova_ranges_leaves_unused_array_entries, "IOAS-IOVA-RANGES"),
		CASE(ioas, iova_ranges_ignores_areas_and_the_allowed_list, "IOAS-IOVA-RANGES"),
		CASE(ioas, allow_iovas_with_reserved_is_EOPNOTSUPP, "IOAS-ALLOW-IOVAS.1"),
		CASE(ioas, allow_iovas_of_no_ioas_is_ENOENT, "IOAS-ALLOW-IOVAS.2"),
		CASE(ioas, allow_iovas_with_an_unreadable_entry_is_EFAULT, "IOAS-ALLOW-IOVAS.3"),
		CASE(ioas, allow_iovas_with_start_not_below_last_is_EINVAL, "IOAS-ALLOW-IOVAS.4"),
		CASE(ioas, allow_iovas_with_intersecting_entries_is_EINVAL, "IOAS-ALLOW-IOVAS.5"),
		CASE(ioas, allow_iovas_checks_entries_in_array_order, "IOAS-ALLOW-IOVAS"),
		CASE(ioas, allow_iovas_takes_adjacent_entries_in_any_order, "IOAS-ALLOW-IOVAS"),
		CASE(ioas, allow_iovas_takes_the_whole_space, "IOAS-ALLOW-IOVAS"),
		CASE(ioas, allow_iovas_replaces_the_whole_list, "IOAS-ALLOW-IOVAS"),
		CASE(ioas, allow_iovas_without_entries_empties_the_list, "IOAS-ALLOW-IOVAS"),
		CASE(ioas, allow_iovas_keeps_the_old_list_on_an_error, "IOAS-ALLOW-IOVAS"),
		CASE(ioas, allow_iovas_neither_checks_nor_affects_areas, "IOAS-ALLOW-IOVAS"),
		CASE(ioas, huge_pages_off_raises_the_alignment_to_a_page, "IOAS-ALIGNMENT.2"),
		CASE(bound, a_page_table_raises_the_alignment_while_it_is_there,
		     "IOAS-ALIGNMENT.3"),
		CASE(bound, raising_the_alignment_over_unaligned_areas_is_EADDRINUSE,
		     "IOAS-ALIGNMENT"),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
