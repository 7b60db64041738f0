/* SPDX-License-Identifier: MIT */
/*
 * Where IOVAs that are chosen automatically lie, to the byte [IOAS-AUTO]. The address space has
 * no page table, so nothing is pinned and any number may stand for the address of memory.
 */
#include <errno.h>
#include <unistd.h>

#include "conformance.h"
#include "groups.h"

static void expect_map(int error, const struct fixture *t, uint64_t user_va, uint64_t length)
{
	expect_errno(error, t->iommu, IOMMU_IOAS_MAP,
		     CMD(iommu_ioas_map, .flags = RW, .ioas_id = t->ioas, .user_va = user_va,
			 .length = length));
}

/* Maps at @iova; memory does not matter. */
static void occupy(const struct fixture *t, uint64_t iova, uint64_t length)
{
	map_at(t->iommu, t->ioas, RW, iova, NULL, length);
}

static void allow_one(const struct fixture *t, uint64_t start, uint64_t last)
{
	const struct iommu_iova_range range = {start, last};

	allow(t->iommu, t->ioas, &range, 1);
}

/* What a mapping gets; it is taken back. */
static uint64_t place(const struct fixture *t, uint64_t user_va, uint64_t length)
{
	uint64_t iova = map_anywhere(t->iommu, t->ioas, user_va, length);

	unmap(t->iommu, t->ioas, iova, length);
	return iova;
}

static void an_automatic_iova_for_half_of_the_space_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);

	expect_map(EOVERFLOW, t, 0, UINT64_MAX / 2);
	expect_map(EOVERFLOW, t, 0, UINT64_MAX - PAGE);
	expect_map(0, t, 0, UINT64_MAX / 2 - 1);
}

static void the_alignment_of_an_automatic_iova_follows_length_and_address(void **state)
{
	struct fixture *t = fixture(state);
	const struct {
		uint64_t user_va, length, iova;
	} examples[] = {
		{0x10000, PAGE, 0x1000}, /* no more than the length rounded up */
		{0x10000, 0x8000, 0x8000},
		{0x10000, 0x5000, 0x8000},
		{0x10000, 0x20000, 0x10000}, /* no more than the address has */
		{0x11000, 0x20000, 0x1000},
		{0x7000, 1, 0x1000},
		{0x7001, 1, 0x1001},
		{0x7001, PAGE, 0x1001}, /* the offset in the page is kept */
		{0x7010, 0x100, 0x1010},
		{0x7fff, 2, 0x1fff},
		{0x7800, 0x800, 0x1800},
		{0x7800, 0x10000, 0x1800},
		{0, PAGE, 0x1000}, /* address 0 has any alignment */
		{0, 0x3000, 0x4000},
		{0, 0x10001, 0x20000},
		{0, 3, 0x1000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
		expect_equal(place(t, examples[i].user_va, examples[i].length), examples[i].iova);
}

static void the_alignment_of_an_automatic_iova_is_at_most_a_huge_page(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t huge = access("/sys/kernel/mm/transparent_hugepage", F_OK) ? PAGE : 2 * MIB;

	expect_equal(place(t, 2 * MIB, 2 * MIB), huge);
	expect_equal(place(t, 2 * MIB, 2 * MIB + 1), huge);
	expect_equal(place(t, 4 * MIB, 4 * MIB), huge);
	expect_equal(place(t, 1024 * MIB, 1024 * MIB), huge);
	expect_equal(place(t, 0, 1024 * MIB), huge);
	expect_equal(place(t, 3 * MIB, 2 * MIB), huge == PAGE ? PAGE : MIB);
}

static void an_automatic_iova_for_unaligned_memory_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	set_huge_pages(t->iommu, t->ioas, false);
	expect_map(EINVAL, t, 0x10008, PAGE);
	expect_map(EINVAL, t, 0x10800, PAGE);
	expect_equal(place(t, 0x10000, PAGE), PAGE);
}

static void an_automatic_iova_is_refused_for_alignment_before_the_search(void **state)
{
	struct fixture *t = fixture(state);

	set_huge_pages(t->iommu, t->ioas, false);
	allow_one(t, 0x10000, 0x10fff);
	expect_map(EINVAL, t, 0x10008, 2 * PAGE);
	expect_map(ENOSPC, t, 0x10000, 2 * PAGE);
}

static void the_lowest_hole_that_fits_becomes_the_automatic_iova(void **state)
{
	struct fixture *t = fixture(state);

	occupy(t, 0x1000, 0x1000);
	occupy(t, 0x3000, 0x1000); /* a hole of one page in front */
	occupy(t, 0x6000, 0x1000); /* one of two pages in front */
	expect_equal(place(t, 0x9000, PAGE), 0x2000);
	expect_equal(place(t, 0x9000, 2 * PAGE), 0x4000);
	expect_equal(place(t, 0x9000, 3 * PAGE), 0x7000);
}

static void holes_fit_an_automatic_iova_after_alignment(void **state)
{
	struct fixture *t = fixture(state);

	occupy(t, 0x1000, 0x1000);
	/* Two pages at 0x2000, then three at 0x5000: two aligned ones fit in both. */
	occupy(t, 0x4000, 0x1000);
	occupy(t, 0x8000, 0x1000);
	expect_equal(place(t, 0x10000, 2 * PAGE), 0x2000);
	occupy(t, 0x2000, 0x800);
	expect_equal(place(t, 0x10000, 2 * PAGE), 0x6000);
	occupy(t, 0x6000, 0x1000);
	expect_equal(place(t, 0x10000, 2 * PAGE), 0xa000);
}

static void automatic_iovas_start_from_the_bottom_each_time(void **state)
{
	struct fixture *t = fixture(state);

	for (uint64_t i = 1; i <= 10; i++)
		expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), i * PAGE);
	unmap(t->iommu, t->ioas, 3 * PAGE, PAGE);
	unmap(t->iommu, t->ioas, 7 * PAGE, PAGE);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), 3 * PAGE);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), 7 * PAGE);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), 11 * PAGE);
}

static void holes_smaller_than_a_page_are_used(void **state)
{
	struct fixture *t = fixture(state);

	occupy(t, 0x1000, 0x100);
	expect_equal(place(t, 0x7200, 0x100), 0x1200);
	expect_equal(place(t, 0x7100, 0x100), 0x1100);
	occupy(t, 0x1180, 1);
	expect_equal(place(t, 0x7100, 0x100), 0x1300);
}

static void the_first_page_is_never_an_automatic_iova(void **state)
{
	struct fixture *t = fixture(state);

	allow_one(t, 0, 0xfff);
	expect_map(ENOSPC, t, 0x10000, 1);
	allow_one(t, 0, 0x1fff);
	expect_equal(place(t, 0x10000, PAGE), PAGE);
}

static void the_last_page_is_never_an_automatic_iova(void **state)
{
	struct fixture *t = fixture(state);

	allow_one(t, -2 * PAGE, UINT64_MAX);
	expect_map(ENOSPC, t, 0x11000, 2 * PAGE);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x10000, PAGE), -2 * PAGE);
	expect_map(ENOSPC, t, 0x10000, PAGE);
}

static void allowed_ranges_are_tried_in_ascending_order(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range ranges[] = {
		{0x90000, 0x9ffff}, {0x20000, 0x20fff}, {0x50000, 0x51fff}};

	allow(t->iommu, t->ioas, ranges, 3);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x11000, PAGE), 0x20000);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x11000, 2 * PAGE), 0x50000);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x11000, PAGE), 0x90000);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x11000, PAGE), 0x91000);
	expect_map(ENOSPC, t, 0x11000, 15 * PAGE);
}

static void adjacent_allowed_ranges_merge(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range ranges[] = {{0x6000, 0x6fff}, {0x5000, 0x5fff}};

	allow(t->iommu, t->ioas, ranges, 2);
	expect_equal(place(t, 0x11000, 2 * PAGE), 0x5000);
}

static void an_allowed_range_may_begin_and_end_anywhere(void **state)
{
	struct fixture *t = fixture(state);

	allow_one(t, 0x5801, 0x7ffe);
	expect_equal(place(t, 0x10000, PAGE), 0x6000);
	expect_map(ENOSPC, t, 0x11000, 2 * PAGE);
	expect_equal(place(t, 0x10000, 2 * PAGE - 1), 0x6000);
}

static void areas_outside_of_the_allowed_list_do_not_matter(void **state)
{
	struct fixture *t = fixture(state);

	occupy(t, 0, 0x20000);
	occupy(t, 0x21000, 0x1000);
	allow_one(t, 0x20000, 0x20fff);
	expect_equal(place(t, 0x10000, PAGE), 0x20000);
}

static void an_area_that_reaches_into_the_allowed_range_is_avoided(void **state)
{
	struct fixture *t = fixture(state);

	allow_one(t, 0x20000, 0x2ffff);
	occupy(t, 0x1f000, 0x3000);
	occupy(t, 0x23000, 0x20000);
	expect_equal(place(t, 0x11000, PAGE), 0x22000);
	expect_map(ENOSPC, t, 0x11000, 2 * PAGE);
}

static void the_page_offset_of_an_automatic_iova_is_added_with_or(void **state)
{
	struct fixture *t = fixture(state);

	/* The start has bits in the page already: 0x5a00 | 0x900. */
	allow_one(t, 0x5a00, 0x8fff);
	expect_equal(place(t, 0x7900, 0x100), 0x5b00);
	allow_one(t, 0x5000, 0x8fff);
	expect_equal(place(t, 0x7900, 0x100), 0x5900);
}

static void the_last_byte_of_an_interval_never_fits(void **state)
{
	struct fixture *t = fixture(state);

	allow_one(t, 0x5000, 0x5001);
	expect_map(ENOSPC, t, 0x7001, 1);
	expect_equal(place(t, 0x7000, 1), 0x5000);
	allow_one(t, 0x5000, 0x5002);
	expect_equal(place(t, 0x7001, 1), 0x5001);
	/* A hole between areas is an interval, too. */
	allow_one(t, 0x5000, 0x5fff);
	occupy(t, 0x5000, 0x100);
	occupy(t, 0x5101, 0xeff);
	expect_map(ENOSPC, t, 0x7100, 1);
}

static void an_automatic_iova_in_a_full_space_is_ENOSPC(void **state)
{
	struct fixture *t = fixture(state);

	allow_one(t, 0x10000, 0x13fff);
	for (uint64_t i = 0; i < 4; i++)
		expect_equal(map_anywhere(t->iommu, t->ioas, 0x11000, PAGE), 0x10000 + i * PAGE);
	expect_map(ENOSPC, t, 0x11000, PAGE);
	expect_map(ENOSPC, t, 0x11000, 1);
	unmap(t->iommu, t->ioas, 0x12000, PAGE);
	expect_equal(map_anywhere(t->iommu, t->ioas, 0x11000, PAGE), 0x12000);
}

static void allowed_ranges_around_a_reserved_one_are_used_to_their_last_byte(void **state)
{
	struct fixture *t = fixture(state);
	uintptr_t memory = (uintptr_t)mem_aligned(8 * PAGE, 8 * PAGE);
	struct iommu_iova_range around[2], gap;

	if (!reserved_gap(t->iommu, t->ioas, &gap))
		skip_test("this device reserves nothing");
	around[0] = (struct iommu_iova_range){gap.start - PAGE, gap.start - 1};
	around[1] = (struct iommu_iova_range){gap.last + 1, gap.last + 16 * PAGE};
	allow(t->iommu, t->ioas, around, 2);
	expect_equal(place(t, memory + PAGE, PAGE), gap.start - PAGE);
	expect_equal(place(t, memory + PAGE, 2 * PAGE), gap.last + 1);
}

int ioas_alloc_iova(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, an_automatic_iova_for_half_of_the_space_is_EOVERFLOW,
		     "IOAS-AUTO.1, IOAS-MAP.9e"),
		CASE(ioas, the_alignment_of_an_automatic_iova_follows_length_and_address,
		     "IOAS-AUTO.2"),
		CASE(ioas, the_alignment_of_an_automatic_iova_is_at_most_a_huge_page,
		     "IOAS-AUTO.2"),
		CASE(ioas, an_automatic_iova_for_unaligned_memory_is_EINVAL,
		     "IOAS-AUTO.3, IOAS-MAP.9e"),
		CASE(ioas, an_automatic_iova_is_refused_for_alignment_before_the_search,
		     "IOAS-AUTO.3"),
		CASE(ioas, the_lowest_hole_that_fits_becomes_the_automatic_iova, "IOAS-AUTO.4"),
		CASE(ioas, holes_fit_an_automatic_iova_after_alignment, "IOAS-AUTO.4"),
		CASE(ioas, automatic_iovas_start_from_the_bottom_each_time, "IOAS-AUTO.4"),
		CASE(ioas, holes_smaller_than_a_page_are_used, "IOAS-AUTO.4"),
		CASE(ioas, the_first_page_is_never_an_automatic_iova, "IOAS-AUTO.4"),
		CASE(ioas, the_last_page_is_never_an_automatic_iova, "IOAS-AUTO.4"),
		CASE(ioas, allowed_ranges_are_tried_in_ascending_order, "IOAS-AUTO.4"),
		CASE(ioas, adjacent_allowed_ranges_merge, "IOAS-AUTO.4"),
		CASE(ioas, an_allowed_range_may_begin_and_end_anywhere, "IOAS-AUTO.4"),
		CASE(ioas, areas_outside_of_the_allowed_list_do_not_matter, "IOAS-AUTO.4"),
		CASE(ioas, an_area_that_reaches_into_the_allowed_range_is_avoided, "IOAS-AUTO.4"),
		CASE(ioas, the_page_offset_of_an_automatic_iova_is_added_with_or, "IOAS-AUTO.4"),
		CASE(ioas, the_last_byte_of_an_interval_never_fits, "IOAS-AUTO.4"),
		CASE(ioas, an_automatic_iova_in_a_full_space_is_ENOSPC, "IOAS-AUTO.5, IOAS-MAP.9e"),
		CASE(attached, allowed_ranges_around_a_reserved_one_are_used_to_their_last_byte,
		     "IOAS-AUTO"),
	};

	return cmocka_run_group_tests_name("automatic IOVAs", tests, NULL, NULL);
}
