/* SPDX-License-Identifier: MIT */
/* 10-ioas, 4.3: IOMMU_IOAS_COPY. */
#include <errno.h>

#include "conformance.h"
#include "groups.h"

/* Where copies go, away from what is at IOVA. */
#define COPY_IOVA (4 * IOVA)

/* Maps four pages at IOVA; a request that copies two of them. */
static struct iommu_ioas_copy good(const struct fixture *t)
{
	map_at(t->iommu, t->ioas, RW, IOVA, mem_aligned(4 * PAGE, 4 * PAGE), 4 * PAGE);
	return (struct iommu_ioas_copy){
		.size = sizeof(struct iommu_ioas_copy),
		.flags = RW | FIXED,
		.dst_ioas_id = t->ioas,
		.src_ioas_id = t->ioas,
		.length = 2 * PAGE,
		.dst_iova = COPY_IOVA,
		.src_iova = IOVA + PAGE,
	};
}

static void expect_copy(int error, const struct fixture *t, const struct iommu_ioas_copy *copy)
{
	struct iommu_ioas_copy cmd = *copy;

	expect_errno(error, t->iommu, IOMMU_IOAS_COPY, &cmd);
}

static void s10_4_3_row1_unknown_flags_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	for (unsigned int bit = 3; bit < 32; bit++) {
		copy.flags = RW | FIXED | 1u << bit;
		expect_copy(EOPNOTSUPP, t, &copy);
	}
}

static void s10_4_3_row2_length_or_iovas_of_U64_MAX_are_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_ioas_copy valid = good(t);
	struct iommu_ioas_copy copy = valid;

	copy.length = UINT64_MAX;
	expect_copy(EOVERFLOW, t, &copy);
	copy = valid;
	copy.src_iova = UINT64_MAX;
	expect_copy(EOVERFLOW, t, &copy);
	copy = valid;
	copy.dst_iova = UINT64_MAX;
	expect_copy(EOVERFLOW, t, &copy);
	copy.flags = RW;
	expect_copy(EOVERFLOW, t, &copy);
}

static void s10_4_3_row3_neither_readable_nor_writeable_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.flags = FIXED;
	expect_copy(EINVAL, t, &copy);
}

static void s10_4_3_row4_no_source_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.src_ioas_id = 99;
	expect_copy(ENOENT, t, &copy);
}

static void s10_4_3_row5_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.length = 0;
	expect_copy(EINVAL, t, &copy);
}

static void s10_4_3_row6_a_source_range_that_wraps_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.src_iova = UINT64_MAX - 1;
	copy.length = 3;
	expect_copy(EOVERFLOW, t, &copy);
	/* Not wrapping, it is not mapped. */
	copy.length = 2;
	expect_copy(ENOENT, t, &copy);
}

static void s10_4_3_row7_a_source_range_with_a_gap_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	map_at(t->iommu, t->ioas, RW, IOVA + 5 * PAGE, mem_pages(PAGE), PAGE);
	copy.length = 5 * PAGE; /* the gap is in the middle */
	expect_copy(ENOENT, t, &copy);
	copy.length = 3 * PAGE + 1; /* at the end */
	expect_copy(ENOENT, t, &copy);
	copy.src_iova = IOVA - 1; /* at the start */
	copy.length = PAGE;
	expect_copy(ENOENT, t, &copy);
	copy.src_iova = IOVA + 4 * PAGE; /* nothing but gap */
	expect_copy(ENOENT, t, &copy);
	expect_true(!is_mapped(t->iommu, t->ioas, COPY_IOVA));
	copy.src_iova = IOVA;
	copy.length = 4 * PAGE;
	expect_copy(0, t, &copy);
}

static void s10_4_3_row8_no_destination_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.dst_ioas_id = 99;
	expect_copy(ENOENT, t, &copy);
	copy.dst_ioas_id = 0;
	expect_copy(ENOENT, t, &copy);
}

static void s10_4_3_row9_the_destination_refuses_as_for_map(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_ioas_copy valid = good(t);
	struct iommu_ioas_copy copy = valid;
	uint32_t aligned = new_ioas(t->iommu);

	set_huge_pages(t->iommu, aligned, false);
	copy.dst_ioas_id = aligned;
	copy.length = PAGE + 8;
	expect_copy(EINVAL, t, &copy);
	copy = valid;
	copy.dst_ioas_id = aligned;
	copy.dst_iova = COPY_IOVA + 8;
	expect_copy(EINVAL, t, &copy);
	copy = valid;
	copy.dst_iova = -PAGE;
	expect_copy(EOVERFLOW, t, &copy);
	copy.dst_iova = IOVA + 3 * PAGE;
	expect_copy(EEXIST, t, &copy);
	copy.dst_iova = IOVA - PAGE;
	expect_copy(EEXIST, t, &copy);
}

static void s10_4_3_row9_reserved_destinations_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);
	struct iommu_iova_range gap;

	if (!reserved_gap(t->iommu, t->ioas, &gap))
		skip_test("this device reserves nothing");
	copy.dst_iova = gap.start - PAGE;
	expect_copy(EINVAL, t, &copy);
}

static void s10_4_3_row10_writeable_of_a_source_that_is_not_is_EPERM(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	map_at(t->iommu, t->ioas, READ, IOVA + 4 * PAGE, mem_pages(PAGE), PAGE);
	copy.src_iova = IOVA + 4 * PAGE;
	copy.length = PAGE;
	expect_copy(EPERM, t, &copy);
	copy.flags = WRITE | FIXED;
	expect_copy(EPERM, t, &copy);
	/* The second piece alone is enough; nothing of the first stays. */
	copy.src_iova = IOVA + 3 * PAGE;
	copy.length = 2 * PAGE;
	expect_copy(EPERM, t, &copy);
	expect_true(!is_mapped(t->iommu, t->ioas, COPY_IOVA));
	copy.flags = READ | FIXED;
	expect_copy(0, t, &copy);
}

static void s10_4_3_row10_the_source_counts_and_not_the_area(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.flags = READ | FIXED;
	expect_copy(0, t, &copy);
	copy.src_iova = COPY_IOVA;
	copy.dst_iova = COPY_IOVA + 8 * PAGE;
	copy.flags = RW | FIXED;
	expect_copy(0, t, &copy);
	/* A source that devices may only write can be copied readable. */
	map_at(t->iommu, t->ioas, WRITE, IOVA + 4 * PAGE, mem_pages(PAGE), PAGE);
	copy.src_iova = IOVA + 4 * PAGE;
	copy.length = PAGE;
	copy.dst_iova = COPY_IOVA + 16 * PAGE;
	copy.flags = READ | FIXED;
	expect_copy(0, t, &copy);
}

static void s10_4_3_row11_pieces_that_are_not_aligned_in_memory_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);
	uint32_t aligned = new_ioas(t->iommu);

	set_huge_pages(t->iommu, aligned, false);
	copy.dst_ioas_id = aligned;
	copy.src_iova = IOVA + PAGE + 16;
	expect_copy(EINVAL, t, &copy);
	/* A second piece with another offset in its page. */
	map_at(t->iommu, t->ioas, RW, IOVA + 4 * PAGE, (char *)mem_pages(2 * PAGE) + 16, PAGE);
	copy.src_iova = IOVA + 3 * PAGE;
	expect_copy(EINVAL, t, &copy);
	expect_true(!is_mapped(t->iommu, aligned, COPY_IOVA));
	/* Row 10 comes first. */
	map_at(t->iommu, t->ioas, READ, IOVA + 8 * PAGE, (char *)mem_pages(2 * PAGE) + 16, PAGE);
	copy.src_iova = IOVA + 8 * PAGE;
	copy.length = PAGE;
	expect_copy(EPERM, t, &copy);
}

static void s10_4_3_row12_bad_memory_is_EFAULT_with_a_page_table(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	/* t->ioas has no page table, so there it can be mapped. */
	map_at(t->iommu, t->ioas, RW, IOVA + 4 * PAGE, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	copy.src_iova = IOVA + 3 * PAGE;
	copy.dst_ioas_id = new_ioas(t->iommu);
	attach_device(t->device, copy.dst_ioas_id);
	expect_copy(EFAULT, t, &copy);
	expect_true(!is_mapped(t->iommu, copy.dst_ioas_id, COPY_IOVA));
	copy.length = PAGE;
	expect_copy(0, t, &copy);
}

static void s10_4_3_row12_a_failed_copy_out_is_EFAULT_and_the_mapping_stays(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_COPY, read_only(&copy, sizeof(copy)));
	expect_copy(EEXIST, t, &copy);
}

static void s10_4_3_the_rows_are_tested_in_order(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);
	uint32_t destination = new_ioas(t->iommu);

	set_huge_pages(t->iommu, destination, false);
	map_at(t->iommu, t->ioas, READ, IOVA + 8 * PAGE, (char *)mem_pages(2 * PAGE) + 16, PAGE);
	copy = (struct iommu_ioas_copy){
		.size = sizeof(copy),
		.flags = 8 | FIXED,
		.dst_ioas_id = 99,
		.src_ioas_id = 99,
		.length = UINT64_MAX,
		.dst_iova = UINT64_MAX,
		.src_iova = UINT64_MAX,
	};
	expect_copy(EOPNOTSUPP, t, &copy);
	copy.flags = FIXED;
	expect_copy(EOVERFLOW, t, &copy);
	copy.length = 0;
	copy.src_iova = UINT64_MAX - 1;
	copy.dst_iova = COPY_IOVA + 8;
	expect_copy(EINVAL, t, &copy);
	copy.flags = RW | FIXED;
	expect_copy(ENOENT, t, &copy);
	copy.src_ioas_id = t->ioas;
	expect_copy(EINVAL, t, &copy);
	copy.length = PAGE;
	expect_copy(EOVERFLOW, t, &copy);
	copy.src_iova = IOVA + 8 * PAGE;
	copy.length = PAGE + 8;
	expect_copy(ENOENT, t, &copy);
	copy.length = PAGE;
	expect_copy(ENOENT, t, &copy);
	copy.dst_ioas_id = destination;
	expect_copy(EINVAL, t, &copy);
	copy.dst_iova = COPY_IOVA;
	expect_copy(EPERM, t, &copy);
	copy.flags = READ | FIXED;
	expect_copy(EINVAL, t, &copy);
}

static void s10_4_3_each_piece_becomes_an_area_of_its_own(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	map_at(t->iommu, t->ioas, RW, IOVA + 4 * PAGE, mem_pages(4 * PAGE), 4 * PAGE);
	copy.src_iova = IOVA + 2 * PAGE;
	copy.length = 3 * PAGE; /* two pages of the first, one of the second */
	expect_copy(0, t, &copy);
	expect_errno(ENOENT, t->iommu, IOMMU_IOAS_UNMAP,
		     CMD(iommu_ioas_unmap, .ioas_id = t->ioas, .iova = COPY_IOVA, .length = PAGE));
	unmap(t->iommu, t->ioas, COPY_IOVA, 2 * PAGE);
	unmap(t->iommu, t->ioas, COPY_IOVA + 2 * PAGE, PAGE);
}

static void s10_4_3_a_copy_may_begin_and_end_at_any_byte(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.src_iova = IOVA + 123;
	copy.length = 4567;
	copy.dst_iova = COPY_IOVA + 89;
	expect_copy(0, t, &copy);
	unmap(t->iommu, t->ioas, COPY_IOVA + 89, 4567);
}

static void s10_4_3_a_copy_outlives_the_original(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.dst_ioas_id = new_ioas(t->iommu);
	expect_copy(0, t, &copy);
	unmap(t->iommu, t->ioas, IOVA, 4 * PAGE);
	expect_true(is_mapped(t->iommu, copy.dst_ioas_id, COPY_IOVA));
	/* And can be copied back. */
	copy.src_ioas_id = copy.dst_ioas_id;
	copy.dst_ioas_id = t->ioas;
	copy.src_iova = COPY_IOVA;
	copy.dst_iova = IOVA;
	expect_copy(0, t, &copy);
	destroy(t->iommu, copy.src_ioas_id);
	expect_true(is_mapped(t->iommu, t->ioas, IOVA));
}

static void s10_4_3_the_hint_of_an_automatic_iova_is_the_first_byte(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);
	uint32_t other = new_ioas(t->iommu);

	copy.flags = RW;
	copy.dst_ioas_id = other;
	copy.src_iova = IOVA + PAGE + 0x230;
	copy.length = PAGE;
	expect_ok(t->iommu, IOMMU_IOAS_COPY, &copy);
	expect_equal(copy.dst_iova, PAGE + 0x230);
	/* Memory aligned to four pages: so is the IOVA of all of it. */
	copy.src_iova = IOVA;
	copy.length = 4 * PAGE;
	expect_ok(t->iommu, IOMMU_IOAS_COPY, &copy);
	expect_equal(copy.dst_iova, 4 * PAGE);
}

int ioas_copy(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, s10_4_3_row1_unknown_flags_are_EOPNOTSUPP),
		CASE(ioas, s10_4_3_row2_length_or_iovas_of_U64_MAX_are_EOVERFLOW),
		CASE(ioas, s10_4_3_row3_neither_readable_nor_writeable_is_EINVAL),
		CASE(ioas, s10_4_3_row4_no_source_ioas_is_ENOENT),
		CASE(ioas, s10_4_3_row5_length_0_is_EINVAL),
		CASE(ioas, s10_4_3_row6_a_source_range_that_wraps_is_EOVERFLOW),
		CASE(ioas, s10_4_3_row7_a_source_range_with_a_gap_is_ENOENT),
		CASE(ioas, s10_4_3_row8_no_destination_ioas_is_ENOENT),
		CASE(ioas, s10_4_3_row9_the_destination_refuses_as_for_map),
		CASE(attached, s10_4_3_row9_reserved_destinations_are_EINVAL),
		CASE(ioas, s10_4_3_row10_writeable_of_a_source_that_is_not_is_EPERM),
		CASE(ioas, s10_4_3_row10_the_source_counts_and_not_the_area),
		CASE(ioas, s10_4_3_row11_pieces_that_are_not_aligned_in_memory_are_EINVAL),
		CASE(bound, s10_4_3_row12_bad_memory_is_EFAULT_with_a_page_table),
		CASE(ioas, s10_4_3_row12_a_failed_copy_out_is_EFAULT_and_the_mapping_stays),
		CASE(ioas, s10_4_3_the_rows_are_tested_in_order),
		CASE(ioas, s10_4_3_each_piece_becomes_an_area_of_its_own),
		CASE(ioas, s10_4_3_a_copy_may_begin_and_end_at_any_byte),
		CASE(ioas, s10_4_3_a_copy_outlives_the_original),
		CASE(ioas, s10_4_3_the_hint_of_an_automatic_iova_is_the_first_byte),
	};

	return cmocka_run_group_tests_name("10-ioas 4.3: IOMMU_IOAS_COPY", tests, NULL, NULL);
}
