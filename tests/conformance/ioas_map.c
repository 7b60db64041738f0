/* SPDX-License-Identifier: MIT */
/* 10-ioas, 4.1: IOMMU_IOAS_MAP. */
#include <errno.h>

#include "conformance.h"
#include "groups.h"

/* A request that succeeds; tests spoil it. */
static struct iommu_ioas_map good(const struct fixture *t)
{
	return (struct iommu_ioas_map){
		.size = sizeof(struct iommu_ioas_map),
		.flags = RW | FIXED,
		.ioas_id = t->ioas,
		.user_va = (uintptr_t)mem_pages(2 * PAGE),
		.length = PAGE,
		.iova = IOVA,
	};
}

static void expect_map(int error, const struct fixture *t, const struct iommu_ioas_map *map)
{
	struct iommu_ioas_map cmd = *map;

	expect_errno(error, t->iommu, IOMMU_IOAS_MAP, &cmd);
}

static void s10_4_1_row1_unknown_flags_and_reserved_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	for (unsigned int bit = 3; bit < 32; bit++) {
		map.flags = RW | FIXED | 1u << bit;
		expect_map(EOPNOTSUPP, t, &map);
	}
	map = good(t);
	map.__reserved = 1;
	expect_map(EOPNOTSUPP, t, &map);
}

static void s10_4_1_row2_iova_or_length_of_U64_MAX_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.iova = UINT64_MAX;
	expect_map(EOVERFLOW, t, &map);
	map.flags = RW; /* even where the IOVA is not used */
	expect_map(EOVERFLOW, t, &map);
	map = good(t);
	map.length = UINT64_MAX;
	expect_map(EOVERFLOW, t, &map);
}

static void s10_4_1_row3_map_refuses_neither_readable_nor_writeable(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.flags = FIXED;
	expect_map(EINVAL, t, &map);
	map.flags = 0;
	expect_map(EINVAL, t, &map);
}

static void s10_4_1_row4_no_such_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.ioas_id = t->ioas + 1;
	expect_map(ENOENT, t, &map);
	map.ioas_id = 0;
	expect_map(ENOENT, t, &map);
}

static void s10_4_1_row5_memory_that_wraps_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.user_va = -PAGE;
	expect_map(EOVERFLOW, t, &map); /* up to 2^64 exactly */
	map.user_va = -PAGE + 1;
	expect_map(EOVERFLOW, t, &map);
	map.user_va = UINT64_MAX;
	map.length = 1;
	expect_map(EOVERFLOW, t, &map);
	map.user_va = -PAGE;
	map.length = PAGE - 1;
	expect_map(0, t, &map);
}

static void s10_4_1_row6_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.length = 0;
	expect_map(EINVAL, t, &map);
}

static void s10_4_1_row6_length_above_U64_MAX_less_a_page_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.user_va = 0;
	map.iova = 0;
	map.length = UINT64_MAX - PAGE + 1;
	expect_map(EINVAL, t, &map);
	map.length = UINT64_MAX - 1;
	expect_map(EINVAL, t, &map);
}

static void s10_4_1_row6_longest_length_is_fine_without_a_page_table(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.user_va = 0;
	map.iova = 0;
	map.length = UINT64_MAX - PAGE;
	expect_map(0, t, &map);
	map.iova = map.length;
	map.length = PAGE;
	expect_map(0, t, &map);
	unmap(t->iommu, t->ioas, 0, UINT64_MAX - PAGE);
}

static void s10_4_1_row8_length_that_is_not_aligned_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	set_huge_pages(t->iommu, t->ioas, false);
	map.length = PAGE - 1;
	expect_map(EINVAL, t, &map);
	map.length = PAGE + 2048;
	expect_map(EINVAL, t, &map);
	map.flags = RW;
	expect_map(EINVAL, t, &map);
	map.length = PAGE;
	expect_map(0, t, &map);
}

static void s10_4_1_row9_fixed_iova_that_is_not_aligned_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	set_huge_pages(t->iommu, t->ioas, false);
	map.iova = IOVA + 2048;
	expect_map(EINVAL, t, &map);
	map.iova = IOVA + 1;
	expect_map(EINVAL, t, &map);
}

static void s10_4_1_row9_fixed_iova_that_wraps_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.iova = -PAGE;
	map.length = PAGE + 1;
	expect_map(EOVERFLOW, t, &map);
	map.iova = UINT64_MAX - 1;
	map.length = 3;
	expect_map(EOVERFLOW, t, &map);
	/* Up to the last byte is fine. */
	map.iova = -PAGE;
	map.length = PAGE;
	expect_map(0, t, &map);
}

static void s10_4_1_row9_fixed_iova_in_a_reserved_range_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);
	struct iommu_iova_range gap;

	if (!reserved_gap(t->iommu, t->ioas, &gap))
		skip_test("this device reserves nothing");
	map.iova = gap.start;
	expect_map(EINVAL, t, &map);
	map.iova = gap.last + 1 - PAGE;
	expect_map(EINVAL, t, &map);
	map.iova = gap.start - PAGE;
	map.length = 2 * PAGE;
	expect_map(EINVAL, t, &map);
	map.iova = gap.last + 1 - PAGE;
	expect_map(EINVAL, t, &map);
	map.length = PAGE;
	map.iova = gap.start - PAGE;
	expect_map(0, t, &map);
	map.iova = gap.last + 1;
	expect_map(0, t, &map);
}

static void s10_4_1_row9_fixed_iova_that_is_mapped_is_EEXIST(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);
	const struct {
		uint64_t iova, length;
	} others[] = {
		{IOVA, PAGE},		 /* the same */
		{IOVA, 1},		 /* its beginning */
		{IOVA + 100, 100},	 /* its middle */
		{IOVA + PAGE - 1, 2},	 /* its end and more */
		{IOVA - 1, 2},		 /* its beginning and before */
		{IOVA - PAGE, 3 * PAGE}, /* around it */
		{0, IOVA + 1},
	};

	expect_map(0, t, &map);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		map.iova = others[i].iova;
		map.length = others[i].length;
		expect_map(EEXIST, t, &map);
	}
	map.length = PAGE;
	map.iova = IOVA - PAGE;
	expect_map(0, t, &map);
	map.iova = IOVA + PAGE;
	expect_map(0, t, &map);
}

static void s10_4_1_row9_reserved_and_mapped_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);
	struct iommu_iova_range gap;

	if (!reserved_gap(t->iommu, t->ioas, &gap))
		skip_test("this device reserves nothing");
	map.iova = gap.start - PAGE;
	expect_map(0, t, &map);
	map.length = 2 * PAGE;
	expect_map(EINVAL, t, &map);
}

static void s10_4_1_row10_memory_that_is_not_aligned_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	set_huge_pages(t->iommu, t->ioas, false);
	map.user_va += 8;
	expect_map(EINVAL, t, &map);
	map.user_va += 2048;
	expect_map(EINVAL, t, &map);
	/* What is mapped there is found first. */
	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_map(EEXIST, t, &map);
}

static void s10_4_1_row11_bad_memory_is_EFAULT_with_a_page_table(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.user_va = (uintptr_t)at_border("", 1, PAGE, MEM_RW, MEM_HOLE);
	map.length = 2 * PAGE;
	expect_map(EFAULT, t, &map);
	/* All of it is undone. */
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
	map.length = PAGE;
	expect_map(0, t, &map);
}

static void s10_4_1_row11_a_mapped_iova_and_bad_memory_is_EEXIST(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	expect_map(0, t, &map);
	map.user_va = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE);
	expect_map(EEXIST, t, &map);
}

static void s10_4_1_row11_bad_memory_is_fine_without_a_page_table(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.user_va = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE);
	expect_map(0, t, &map);
	map.iova += PAGE;
	map.user_va = (uintptr_t)mem_of_kind(PAGE, MEM_NONE);
	expect_map(0, t, &map);
	map.iova += PAGE;
	map.user_va = UINT64_C(1) << 63;
	expect_map(0, t, &map);
}

static void s10_4_1_row12_a_failed_copy_out_is_EFAULT_and_the_mapping_stays(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_MAP, read_only(&map, sizeof(map)));
	expect_map(EEXIST, t, &map);
}

/* Everything is wrong; what was complained about is put right, until nothing is. */
static void s10_4_1_the_rows_are_tested_in_order(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = 8 | FIXED,
		.ioas_id = 99,
		.__reserved = 1,
		.user_va = UINT64_MAX,
		.length = UINT64_MAX,
		.iova = UINT64_MAX,
	};

	set_huge_pages(t->iommu, t->ioas, false);
	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(2 * PAGE), 2 * PAGE);
	expect_map(EOPNOTSUPP, t, &map);
	map.flags = FIXED;
	expect_map(EOPNOTSUPP, t, &map);
	map.__reserved = 0;
	expect_map(EOVERFLOW, t, &map);
	map.length = UINT64_MAX - 1;
	expect_map(EOVERFLOW, t, &map);
	map.iova = UINT64_MAX - 1;
	expect_map(EINVAL, t, &map);
	map.flags = RW | FIXED;
	expect_map(ENOENT, t, &map);
	map.ioas_id = t->ioas;
	expect_map(EOVERFLOW, t, &map);
	map.user_va = 1;
	expect_map(EINVAL, t, &map); /* row 6 */
	map.length = PAGE + 1;
	map.user_va = 0x10001;
	expect_map(EINVAL, t, &map); /* row 8 */
	map.length = 2 * PAGE;
	expect_map(EINVAL, t, &map); /* row 9, not aligned, before it wraps */
	map.iova = -PAGE;
	expect_map(EOVERFLOW, t, &map);
	map.iova = IOVA;
	expect_map(EEXIST, t, &map);
	map.iova = IOVA + 2 * PAGE;
	expect_map(EINVAL, t, &map); /* row 10 */
	map.user_va = 0x10000;
	expect_map(0, t, &map);
}

static void s10_4_1_nothing_need_be_a_multiple_of_a_page(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.length = 1;
	expect_map(0, t, &map);
	map.iova = IOVA + 1;
	map.user_va += 77;
	map.length = 5001;
	expect_map(0, t, &map);
	expect_true(is_mapped(t->iommu, t->ioas, IOVA + PAGE));
	unmap(t->iommu, t->ioas, IOVA + 1, 5001);
	unmap(t->iommu, t->ioas, IOVA, 1);
}

static void s10_4_1_the_same_memory_can_be_mapped_often(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	for (int i = 0; i < 5; i++) {
		expect_map(0, t, &map);
		map.iova += PAGE;
	}
}

static void s10_4_1_iova_0_and_the_last_page_can_be_fixed(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.iova = 0;
	expect_map(0, t, &map);
	map.iova = -PAGE;
	expect_map(0, t, &map);
}

static void s10_4_1_each_of_the_rights_alone_is_enough(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, READ, IOVA, mem_pages(PAGE), PAGE);
	map_at(t->iommu, t->ioas, WRITE, IOVA + PAGE, mem_pages(PAGE), PAGE);
}

int ioas_map(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, s10_4_1_row1_unknown_flags_and_reserved_are_EOPNOTSUPP),
		CASE(ioas, s10_4_1_row2_iova_or_length_of_U64_MAX_is_EOVERFLOW),
		CASE(ioas, s10_4_1_row3_map_refuses_neither_readable_nor_writeable),
		CASE(ioas, s10_4_1_row4_no_such_ioas_is_ENOENT),
		CASE(ioas, s10_4_1_row5_memory_that_wraps_is_EOVERFLOW),
		CASE(ioas, s10_4_1_row6_length_0_is_EINVAL),
		CASE(ioas, s10_4_1_row6_length_above_U64_MAX_less_a_page_is_EINVAL),
		CASE(ioas, s10_4_1_row6_longest_length_is_fine_without_a_page_table),
		CASE(ioas, s10_4_1_row8_length_that_is_not_aligned_is_EINVAL),
		CASE(ioas, s10_4_1_row9_fixed_iova_that_is_not_aligned_is_EINVAL),
		CASE(ioas, s10_4_1_row9_fixed_iova_that_wraps_is_EOVERFLOW),
		CASE(attached, s10_4_1_row9_fixed_iova_in_a_reserved_range_is_EINVAL),
		CASE(ioas, s10_4_1_row9_fixed_iova_that_is_mapped_is_EEXIST),
		CASE(attached, s10_4_1_row9_reserved_and_mapped_is_EINVAL),
		CASE(ioas, s10_4_1_row10_memory_that_is_not_aligned_is_EINVAL),
		CASE(attached, s10_4_1_row11_bad_memory_is_EFAULT_with_a_page_table),
		CASE(attached, s10_4_1_row11_a_mapped_iova_and_bad_memory_is_EEXIST),
		CASE(ioas, s10_4_1_row11_bad_memory_is_fine_without_a_page_table),
		CASE(ioas, s10_4_1_row12_a_failed_copy_out_is_EFAULT_and_the_mapping_stays),
		CASE(ioas, s10_4_1_the_rows_are_tested_in_order),
		CASE(ioas, s10_4_1_nothing_need_be_a_multiple_of_a_page),
		CASE(ioas, s10_4_1_the_same_memory_can_be_mapped_often),
		CASE(ioas, s10_4_1_iova_0_and_the_last_page_can_be_fixed),
		CASE(ioas, s10_4_1_each_of_the_rights_alone_is_enough),
	};

	return cmocka_run_group_tests_name("10-ioas 4.1: IOMMU_IOAS_MAP", tests, NULL, NULL);
}
