/* SPDX-License-Identifier: MIT */
/* The allocator of IOVAs, by examples: alignment, allowed ranges, and the ends of the space. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "iova/iova_alloc.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)

static struct iova_map map;
static struct iova_set reserved, allowed;
static uint64_t iova;

static int setup(void **state)
{
	(void)state;
	iova_map_init(&map);
	iova_set_init(&reserved);
	iova_set_init(&allowed);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	iova_map_destroy(&map);
	iova_set_destroy(&reserved);
	iova_set_destroy(&allowed);
	return 0;
}

static void use(uint64_t start, uint64_t last)
{
	assert_int_equal(iova_map_insert(&map, (struct iova_range){start, last}, &map), 0);
}

static void reserve(uint64_t start, uint64_t last)
{
	assert_int_equal(iova_set_add(&reserved, (struct iova_range){start, last}), 0);
}

static void allow(uint64_t start, uint64_t last)
{
	assert_int_equal(iova_set_add(&allowed, (struct iova_range){start, last}), 0);
}

static int alloc_aligned_to(uint64_t len, uint64_t hint, uint64_t alignment)
{
	const struct iova_request request = {len, hint, alignment};

	iova = 0xdead;
	return iova_alloc(&map, &reserved, &allowed, &request, &iova);
}

static int alloc(uint64_t len, uint64_t hint)
{
	return alloc_aligned_to(len, hint, 1);
}

static void an_empty_space_gives_the_first_page_above_0(void **state)
{
	(void)state;
	assert_int_equal(alloc(4 * KIB, 64 * KIB), 0);
	assert_int_equal(iova, 0x1000);
}

static void a_huge_buffer_gets_a_huge_alignment(void **state)
{
	(void)state;
	assert_int_equal(alloc(2 * MIB, 2 * MIB), 0);
	assert_int_equal(iova, 2 * MIB);
	assert_int_equal(alloc(2 * MIB - 4 * KIB, 2 * MIB), 0);
	assert_int_equal(iova, 2 * MIB);
	assert_int_equal(alloc(64 * MIB, GIB), 0);
	assert_int_equal(iova, 2 * MIB);
	assert_int_equal(alloc(2 * MIB, 3 * MIB), 0);
	assert_int_equal(iova, MIB);
	assert_int_equal(alloc(12 * KIB, 0), 0);
	assert_int_equal(iova, 16 * KIB);
}

static void the_offset_in_the_page_is_kept(void **state)
{
	(void)state;
	assert_int_equal(alloc(1, 0x12345), 0);
	assert_int_equal(iova, 0x1345);
	assert_int_equal(alloc(8 * KIB, 0x7f0000000800), 0);
	assert_int_equal(iova, 0x1800);
	use(0x1000, 0x17ff);
	assert_int_equal(alloc(4 * KIB, 0x7f0000000c00), 0);
	assert_int_equal(iova, 0x1c00);
}

static void a_length_of_half_the_space_overflows(void **state)
{
	(void)state;
	assert_int_equal(alloc(UINT64_MAX / 2, 1), -EOVERFLOW);
	assert_int_equal(alloc_aligned_to(UINT64_MAX / 2, 1, 4096), -EOVERFLOW);
	assert_int_equal(alloc(UINT64_MAX / 2 - 1, 1), 0);
}

static void a_source_less_aligned_than_the_ioas_is_refused(void **state)
{
	(void)state;
	assert_int_equal(alloc_aligned_to(4096, 0x10800, 4096), -EINVAL);
	assert_int_equal(alloc_aligned_to(4096, 0x10800, 2048), 0);
	assert_int_equal(iova, 0x1800);
}

static void what_is_mapped_or_reserved_is_passed_over(void **state)
{
	(void)state;
	use(0x1000, 0x1fff);
	reserve(0x2000, 0x2fff);
	use(0x4000, 0x4fff);
	reserve(0x6000, 0xffff);
	assert_int_equal(alloc(0x1000, 0x1000), 0);
	assert_int_equal(iova, 0x3000);
	assert_int_equal(alloc(0x2000, 0x1000), 0);
	assert_int_equal(iova, 0x10000);
	reserve(0x10000, UINT64_MAX);
	assert_int_equal(alloc(0x2000, 0x1000), -ENOSPC);
}

static void the_first_and_the_last_page_are_never_given(void **state)
{
	(void)state;
	allow(0, 0xfff);
	allow(UINT64_MAX - 0xfff, UINT64_MAX);
	assert_int_equal(alloc(1, 1), -ENOSPC);
	allow(0x1000, 0x1fff);
	allow(UINT64_MAX - 0x2fff, UINT64_MAX - 0x1000);
	assert_int_equal(alloc(0x1000, 0x1000), 0);
	assert_int_equal(iova, 0x1000);
	use(0x1000, 0x1fff);
	assert_int_equal(alloc(0x1001, 0x2000), -ENOSPC);
	assert_int_equal(alloc(0x2000, 0x1000), 0);
	assert_int_equal(iova, UINT64_MAX - 0x2fff);
	use(UINT64_MAX - 0x2fff, UINT64_MAX - 0x1000);
	assert_int_equal(alloc(0x1000, 0x1000), -ENOSPC);
}

static void the_last_usable_byte_can_be_given_and_no_more(void **state)
{
	(void)state;
	allow(UINT64_MAX - 0x1001, UINT64_MAX);
	assert_int_equal(alloc(3, 0xffe), -ENOSPC);
	assert_int_equal(alloc(2, 0xffe), 0);
	assert_int_equal(iova, UINT64_MAX - 0x1001);
}

static void allowed_ranges_are_taken_in_order(void **state)
{
	(void)state;
	allow(0x100000, 0x100fff);
	allow(0x200000, 0x203fff);
	assert_int_equal(alloc(0x1000, 0x1000), 0);
	assert_int_equal(iova, 0x100000);
	assert_int_equal(alloc(0x2000, 0x1000), 0);
	assert_int_equal(iova, 0x200000);
	use(0x200000, 0x200fff);
	assert_int_equal(alloc(0x3000, 0x1000), 0);
	assert_int_equal(iova, 0x201000);
	assert_int_equal(alloc(0x4000, 0x1000), -ENOSPC);
}

static void a_place_at_the_very_end_of_a_range_does_not_fit(void **state)
{
	(void)state;
	allow(0x5000, 0x5000);
	assert_int_equal(alloc(1, 1), -ENOSPC);
	allow(0x5000, 0x5001);
	assert_int_equal(alloc(1, 1), -ENOSPC); /* 0x5001 */
	assert_int_equal(alloc(1, 0x5000), 0);
	use(0x5000, 0x5000);
	assert_int_equal(alloc(1, 0x5000), -ENOSPC);
}

static void the_first_hole_begins_at_the_candidate_of_the_range(void **state)
{
	(void)state;
	/*
	 * The candidate of the range is 0x5400 | 0x800. From there on the search takes holes; the
	 * free 0x5800 is behind it.
	 */
	allow(0x5400, 0x20000);
	use(0x5400, 0x57ff);
	assert_int_equal(alloc(0x400, 0x800), 0);
	assert_int_equal(iova, 0x5c00);
}

int main(void)
{
#define ALLOC_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		ALLOC_TEST(an_empty_space_gives_the_first_page_above_0),
		ALLOC_TEST(a_huge_buffer_gets_a_huge_alignment),
		ALLOC_TEST(the_offset_in_the_page_is_kept),
		ALLOC_TEST(a_length_of_half_the_space_overflows),
		ALLOC_TEST(a_source_less_aligned_than_the_ioas_is_refused),
		ALLOC_TEST(what_is_mapped_or_reserved_is_passed_over),
		ALLOC_TEST(the_first_and_the_last_page_are_never_given),
		ALLOC_TEST(the_last_usable_byte_can_be_given_and_no_more),
		ALLOC_TEST(allowed_ranges_are_taken_in_order),
		ALLOC_TEST(a_place_at_the_very_end_of_a_range_does_not_fit),
		ALLOC_TEST(the_first_hole_begins_at_the_candidate_of_the_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
