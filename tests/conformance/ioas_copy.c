/* SPDX-License-Identifier: MIT */
/* IOMMU_IOAS_COPY [IOAS-COPY]. */
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

static void copy_with_unknown_flags_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	for (unsigned int bit = 3; bit < 32; bit++) {
		copy.flags = RW | FIXED | 1u << bit;
		expect_copy(EOPNOTSUPP, t, &copy);
	}
}

static void copy_with_length_or_iovas_of_U64_MAX_is_EOVERFLOW(void **state)
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

static void copy_that_is_neither_readable_nor_writeable_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.flags = FIXED;
	expect_copy(EINVAL, t, &copy);
}

static void copy_from_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.src_ioas_id = 99;
	expect_copy(ENOENT, t, &copy);
}

static void copy_of_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.length = 0;
	expect_copy(EINVAL, t, &copy);
}

static void copy_of_a_range_that_wraps_is_EOVERFLOW(void **state)
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

static void copy_of_a_range_with_a_gap_is_ENOENT(void **state)
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

static void copy_to_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.dst_ioas_id = 99;
	expect_copy(ENOENT, t, &copy);
	copy.dst_ioas_id = 0;
	expect_copy(ENOENT, t, &copy);
}

static void copy_is_refused_by_its_destination_as_map_is(void **state)
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

static void copy_to_a_reserved_range_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);
	struct iommu_iova_range gap;

	if (!reserved_gap(t->iommu, t->ioas, &gap))
		skip_test("this device reserves nothing");
	copy.dst_iova = gap.start - PAGE;
	expect_copy(EINVAL, t, &copy);
}

static void copy_of_a_read_only_source_as_writeable_is_EPERM(void **state)
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

static void copy_goes_by_the_rights_of_the_source_not_of_the_area(void **state)
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

static void copy_of_pieces_unaligned_in_memory_is_EINVAL(void **state)
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
	/* [IOAS-COPY.10] comes first. */
	map_at(t->iommu, t->ioas, READ, IOVA + 8 * PAGE, (char *)mem_pages(2 * PAGE) + 16, PAGE);
	copy.src_iova = IOVA + 8 * PAGE;
	copy.length = PAGE;
	expect_copy(EPERM, t, &copy);
}

static void copy_of_bad_memory_is_EFAULT_with_a_page_table(void **state)
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

static void copy_with_a_failed_copy_out_is_EFAULT_and_the_mapping_stays(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_COPY, read_only(&copy, sizeof(copy)));
	expect_copy(EEXIST, t, &copy);
}

static void copy_checks_in_order(void **state)
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

static void copy_makes_an_area_of_each_piece(void **state)
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

static void a_copy_may_begin_and_end_at_any_byte(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_copy copy = good(t);

	copy.src_iova = IOVA + 123;
	copy.length = 4567;
	copy.dst_iova = COPY_IOVA + 89;
	expect_copy(0, t, &copy);
	unmap(t->iommu, t->ioas, COPY_IOVA + 89, 4567);
}

static void a_copy_outlives_the_original(void **state)
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

static void copy_takes_its_first_byte_as_hint_of_an_automatic_iova(void **state)
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
		CASE(ioas, copy_with_unknown_flags_is_EOPNOTSUPP, "IOAS-COPY.1"),
		CASE(ioas, copy_with_length_or_iovas_of_U64_MAX_is_EOVERFLOW, "IOAS-COPY.2"),
		CASE(ioas, copy_that_is_neither_readable_nor_writeable_is_EINVAL, "IOAS-COPY.3"),
		CASE(ioas, copy_from_no_ioas_is_ENOENT, "IOAS-COPY.4"),
		CASE(ioas, copy_of_length_0_is_EINVAL, "IOAS-COPY.5"),
		CASE(ioas, copy_of_a_range_that_wraps_is_EOVERFLOW, "IOAS-COPY.6"),
		CASE(ioas, copy_of_a_range_with_a_gap_is_ENOENT, "IOAS-COPY.7"),
		CASE(ioas, copy_to_no_ioas_is_ENOENT, "IOAS-COPY.8"),
		CASE(ioas, copy_is_refused_by_its_destination_as_map_is, "IOAS-COPY.9"),
		CASE(attached, copy_to_a_reserved_range_is_EINVAL, "IOAS-COPY.9"),
		CASE(ioas, copy_of_a_read_only_source_as_writeable_is_EPERM, "IOAS-COPY.10"),
		CASE(ioas, copy_goes_by_the_rights_of_the_source_not_of_the_area, "IOAS-COPY.10"),
		CASE(ioas, copy_of_pieces_unaligned_in_memory_is_EINVAL, "IOAS-COPY.11"),
		CASE(bound, copy_of_bad_memory_is_EFAULT_with_a_page_table, "IOAS-COPY.12"),
		CASE(ioas, copy_with_a_failed_copy_out_is_EFAULT_and_the_mapping_stays,
		     "IOAS-COPY.12"),
		CASE(ioas, copy_checks_in_order, "IOAS-COPY"),
		CASE(ioas, copy_makes_an_area_of_each_piece, "IOAS-COPY"),
		CASE(ioas, a_copy_may_begin_and_end_at_any_byte, "IOAS-COPY"),
		CASE(ioas, a_copy_outlives_the_original, "IOAS-COPY"),
		CASE(ioas, copy_takes_its_first_byte_as_hint_of_an_automatic_iova, "IOAS-COPY"),
	};

	return cmocka_run_group_tests_name("IOMMU_IOAS_COPY", tests, NULL, NULL);
}
