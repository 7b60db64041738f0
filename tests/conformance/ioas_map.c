/* SPDX-License-Identifier: MIT */
/* IOMMU_IOAS_MAP [IOAS-MAP]. */
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

static void map_with_unknown_flags_or_reserved_is_EOPNOTSUPP(void **state)
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

static void map_with_iova_or_length_of_U64_MAX_is_EOVERFLOW(void **state)
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

static void map_that_is_neither_readable_nor_writeable_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.flags = FIXED;
	expect_map(EINVAL, t, &map);
	map.flags = 0;
	expect_map(EINVAL, t, &map);
}

static void map_in_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.ioas_id = t->ioas + 1;
	expect_map(ENOENT, t, &map);
	map.ioas_id = 0;
	expect_map(ENOENT, t, &map);
}

static void map_of_memory_that_wraps_is_EOVERFLOW(void **state)
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

static void map_of_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.length = 0;
	expect_map(EINVAL, t, &map);
}

static void map_of_a_length_above_U64_MAX_less_a_page_is_EINVAL(void **state)
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

static void map_of_the_longest_length_succeeds_without_a_page_table(void **state)
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

static void map_of_an_unaligned_length_is_EINVAL(void **state)
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

static void map_at_an_unaligned_iova_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	set_huge_pages(t->iommu, t->ioas, false);
	map.iova = IOVA + 2048;
	expect_map(EINVAL, t, &map);
	map.iova = IOVA + 1;
	expect_map(EINVAL, t, &map);
}

static void map_at_an_iova_that_wraps_is_EOVERFLOW(void **state)
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

static void map_at_a_reserved_iova_is_EINVAL(void **state)
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

static void map_at_a_mapped_iova_is_EEXIST(void **state)
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

static void map_at_an_iova_both_reserved_and_mapped_is_EINVAL(void **state)
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

static void map_of_unaligned_memory_is_EINVAL(void **state)
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

static void map_of_bad_memory_is_EFAULT_with_a_page_table(void **state)
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

static void map_of_bad_memory_at_a_mapped_iova_is_EEXIST(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	expect_map(0, t, &map);
	map.user_va = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE);
	expect_map(EEXIST, t, &map);
}

static void map_of_bad_memory_succeeds_without_a_page_table(void **state)
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

static void map_with_a_failed_copy_out_is_EFAULT_and_the_mapping_stays(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_MAP, read_only(&map, sizeof(map)));
	expect_map(EEXIST, t, &map);
}

/* Everything is wrong; what was complained about is put right, until nothing is. */
static void map_checks_in_order(void **state)
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
	expect_map(EINVAL, t, &map); /* [IOAS-MAP.6] */
	map.length = PAGE + 1;
	map.user_va = 0x10001;
	expect_map(EINVAL, t, &map); /* [IOAS-MAP.8] */
	map.length = 2 * PAGE;
	expect_map(EINVAL, t, &map); /* [IOAS-MAP.9a], before it wraps */
	map.iova = -PAGE;
	expect_map(EOVERFLOW, t, &map);
	map.iova = IOVA;
	expect_map(EEXIST, t, &map);
	map.iova = IOVA + 2 * PAGE;
	expect_map(EINVAL, t, &map); /* [IOAS-MAP.10] */
	map.user_va = 0x10000;
	expect_map(0, t, &map);
}

static void map_needs_no_multiples_of_a_page(void **state)
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

static void the_same_memory_can_be_mapped_often(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	for (int i = 0; i < 5; i++) {
		expect_map(0, t, &map);
		map.iova += PAGE;
	}
}

static void iova_0_and_the_last_page_can_be_fixed(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map map = good(t);

	map.iova = 0;
	expect_map(0, t, &map);
	map.iova = -PAGE;
	expect_map(0, t, &map);
}

static void map_takes_each_right_alone(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, READ, IOVA, mem_pages(PAGE), PAGE);
	map_at(t->iommu, t->ioas, WRITE, IOVA + PAGE, mem_pages(PAGE), PAGE);
}

int ioas_map(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, map_with_unknown_flags_or_reserved_is_EOPNOTSUPP, "IOAS-MAP.1"),
		CASE(ioas, map_with_iova_or_length_of_U64_MAX_is_EOVERFLOW, "IOAS-MAP.2"),
		CASE(ioas, map_that_is_neither_readable_nor_writeable_is_EINVAL, "IOAS-MAP.3"),
		CASE(ioas, map_in_no_ioas_is_ENOENT, "IOAS-MAP.4"),
		CASE(ioas, map_of_memory_that_wraps_is_EOVERFLOW, "IOAS-MAP.5"),
		CASE(ioas, map_of_length_0_is_EINVAL, "IOAS-MAP.6"),
		CASE(ioas, map_of_a_length_above_U64_MAX_less_a_page_is_EINVAL, "IOAS-MAP.6"),
		CASE(ioas, map_of_the_longest_length_succeeds_without_a_page_table, "IOAS-MAP.6"),
		CASE(ioas, map_of_an_unaligned_length_is_EINVAL, "IOAS-MAP.8"),
		CASE(ioas, map_at_an_unaligned_iova_is_EINVAL, "IOAS-MAP.9a"),
		CASE(ioas, map_at_an_iova_that_wraps_is_EOVERFLOW, "IOAS-MAP.9b"),
		CASE(attached, map_at_a_reserved_iova_is_EINVAL, "IOAS-MAP.9c, IOAS-USABLE.3"),
		CASE(ioas, map_at_a_mapped_iova_is_EEXIST, "IOAS-MAP.9d, IOAS-USABLE.3"),
		CASE(attached, map_at_an_iova_both_reserved_and_mapped_is_EINVAL, "IOAS-MAP.9c"),
		CASE(ioas, map_of_unaligned_memory_is_EINVAL, "IOAS-MAP.10"),
		CASE(attached, map_of_bad_memory_is_EFAULT_with_a_page_table, "IOAS-MAP.11"),
		CASE(attached, map_of_bad_memory_at_a_mapped_iova_is_EEXIST, "IOAS-MAP.11"),
		CASE(ioas, map_of_bad_memory_succeeds_without_a_page_table, "IOAS-MAP.11"),
		CASE(ioas, map_with_a_failed_copy_out_is_EFAULT_and_the_mapping_stays,
		     "IOAS-MAP.12"),
		CASE(ioas, map_checks_in_order, "IOAS-MAP"),
		CASE(ioas, map_needs_no_multiples_of_a_page, "IOAS-MAP"),
		CASE(ioas, the_same_memory_can_be_mapped_often, "IOAS-MAP"),
		CASE(ioas, iova_0_and_the_last_page_can_be_fixed, "IOAS-MAP"),
		CASE(ioas, map_takes_each_right_alone, "IOAS-MAP"),
	};

	return cmocka_run_group_tests_name("IOMMU_IOAS_MAP", tests, NULL, NULL);
}
