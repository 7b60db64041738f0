/* SPDX-License-Identifier: MIT */
/* Dirty tracking [DIRTY]. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "groups.h"
#include "nested.h"

enum {
	PAGES = 64
};

/* dirty: a table with dirty tracking on, t->hwpt, and PAGES pages mapped at IOVA. */
static int setup_dirty(void **state)
{
	struct fixture *t;

	if (setup_mock(state))
		return -1;
	t = *state;
	t->hwpt = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGES * PAGE), PAGES * PAGE);
	expect_ok(t->iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		  CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = t->hwpt,
		      .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	return 0;
}

static void track(const struct fixture *t, bool on)
{
	expect_ok(t->iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		  CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = t->hwpt,
		      .flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0));
}

/* Has the device write the page at @iova; a bit of @pages is a page. */
static void write_page(const struct fixture *t, uint64_t iova)
{
	uint8_t one = 1;

	test_ok(t->iommu, DIRTY, t->hwpt,
		.dirty = {.iova = iova,
			  .length = MOCK_PAGE_SIZE,
			  .page_size = MOCK_PAGE_SIZE,
			  .uptr = (uintptr_t)&one});
}

static void write_pages(const struct fixture *t, uint64_t pages)
{
	test_ok(t->iommu, DIRTY, t->hwpt,
		.dirty = {.iova = IOVA,
			  .length = PAGES * PAGE,
			  .page_size = PAGE,
			  .uptr = (uintptr_t)&pages});
}

/* GET_DIRTY_BITMAP into @bitmap. */
static void read_bits(const struct fixture *t, uint32_t flags, uint64_t iova, uint64_t length,
		      uint64_t page_size, void *bitmap)
{
	expect_ok(t->iommu, IOMMU_HWPT_GET_DIRTY_BITMAP,
		  CMD(iommu_hwpt_get_dirty_bitmap, .hwpt_id = t->hwpt, .flags = flags, .iova = iova,
		      .length = length, .page_size = page_size, .data = (uintptr_t)bitmap));
}

/* The dirty ones of the 64 pages at IOVA, which are clean afterwards. */
static uint64_t take_dirty(const struct fixture *t)
{
	uint64_t bits = 0;

	read_bits(t, 0, IOVA, PAGES * PAGE, PAGE, &bits);
	return bits;
}

static uint64_t peek_dirty(const struct fixture *t)
{
	uint64_t bits = 0;

	read_bits(t, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR, IOVA, PAGES * PAGE, PAGE, &bits);
	return bits;
}

/* ---- SET_DIRTY_TRACKING ---- */

#define set_errno(error, ...)                                        \
	expect_errno(error, t->iommu, IOMMU_HWPT_SET_DIRTY_TRACKING, \
		     CMD(iommu_hwpt_set_dirty_tracking, __VA_ARGS__))

static void set_dirty_tracking_with_unknown_flags_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	set_errno(EOPNOTSUPP, .hwpt_id = t->hwpt, .flags = 2);
	set_errno(EOPNOTSUPP, .hwpt_id = 99, .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE | 1u << 31);
}

static void set_dirty_tracking_does_not_check_reserved(void **state)
{
	struct fixture *t = fixture(state);

	expect_ok(t->iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		  CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = t->hwpt, .__reserved = 1));
}

static void set_dirty_tracking_of_no_paging_hwpt_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.idev,
				nested_hwpt(t->iommu, mock.idev, nested.parent, 0)};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		set_errno(ENOENT, .hwpt_id = ids[i]);
}

static void set_dirty_tracking_of_a_hwpt_without_it_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	set_errno(EOPNOTSUPP, .hwpt_id = mock.hwpt, .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	set_errno(EOPNOTSUPP, .hwpt_id = mock.hwpt);
}

static void enabling_dirty_tracking_forgets_what_was_recorded(void **state)
{
	struct fixture *t = fixture(state);

	write_pages(t, 0xf0);
	track(t, true);
	expect_equal(take_dirty(t), 0);
	write_pages(t, 0xf);
	track(t, false);
	track(t, true);
	expect_equal(take_dirty(t), 0);
}

static void disabling_dirty_tracking_stops_recording(void **state)
{
	struct fixture *t = fixture(state);
	uint8_t one = 1;

	track(t, false);
	test_errno(
		EINVAL, t->iommu, DIRTY, t->hwpt,
		.dirty = {
			.iova = IOVA, .length = PAGE, .page_size = PAGE, .uptr = (uintptr_t)&one});
	expect_equal(take_dirty(t), 0);
	/* Twice is no mistake. */
	track(t, false);
}

/* ---- GET_DIRTY_BITMAP: errors ---- */

#define get_errno(error, ...)                                      \
	expect_errno(error, t->iommu, IOMMU_HWPT_GET_DIRTY_BITMAP, \
		     CMD(iommu_hwpt_get_dirty_bitmap, __VA_ARGS__))

static void dirty_bitmap_with_unknown_flags_or_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	get_errno(EOPNOTSUPP, .hwpt_id = t->hwpt, .flags = 2, .iova = IOVA, .length = PAGE,
		  .page_size = PAGE);
	get_errno(EOPNOTSUPP, .hwpt_id = t->hwpt, .__reserved = 1, .iova = IOVA, .length = PAGE,
		  .page_size = PAGE);
}

static void dirty_bitmap_of_no_paging_hwpt_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {0, 99, t->ioas, mock.idev,
				nested_hwpt(t->iommu, mock.idev, nested.parent, 0)};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		get_errno(ENOENT, .hwpt_id = ids[i], .iova = IOVA, .length = PAGE,
			  .page_size = PAGE);
}

static void dirty_bitmap_of_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	get_errno(EINVAL, .hwpt_id = t->hwpt, .iova = IOVA, .page_size = PAGE);
}

static void dirty_bitmap_of_a_range_that_wraps_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);

	get_errno(EOVERFLOW, .hwpt_id = t->hwpt, .iova = -PAGE, .length = 2 * PAGE,
		  .page_size = PAGE);
	get_errno(EOVERFLOW, .hwpt_id = t->hwpt, .iova = PAGE, .length = UINT64_MAX,
		  .page_size = PAGE);
}

static void dirty_bitmap_wants_a_range_aligned_as_the_ioas(void **state)
{
	struct fixture *t = fixture(state);

	get_errno(EINVAL, .hwpt_id = t->hwpt, .iova = IOVA + 1024, .length = PAGE, .page_size = 1);
	get_errno(EINVAL, .hwpt_id = t->hwpt, .iova = IOVA, .length = 1024, .page_size = 1);
	expect_ok(t->iommu, IOMMU_HWPT_GET_DIRTY_BITMAP,
		  CMD(iommu_hwpt_get_dirty_bitmap, .hwpt_id = t->hwpt, .iova = IOVA + 2048,
		      .length = 2048, .page_size = 2048));
}

static void dirty_bitmap_with_a_page_size_of_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	get_errno(EINVAL, .hwpt_id = t->hwpt, .iova = IOVA, .length = PAGE);
}

static void dirty_bitmap_wants_a_range_aligned_as_the_page_size(void **state)
{
	struct fixture *t = fixture(state);

	get_errno(EINVAL, .hwpt_id = t->hwpt, .iova = IOVA, .length = PAGE, .page_size = 2 * PAGE);
	get_errno(EINVAL, .hwpt_id = t->hwpt, .iova = IOVA + PAGE, .length = PAGE,
		  .page_size = 2 * PAGE);
	get_errno(EINVAL, .hwpt_id = t->hwpt, .iova = IOVA + PAGE, .length = 2 * PAGE,
		  .page_size = 2 * PAGE);
}

static void dirty_bitmap_of_a_hwpt_without_tracking_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	get_errno(EOPNOTSUPP, .hwpt_id = mock.hwpt, .iova = IOVA, .length = PAGE,
		  .page_size = PAGE);
}

static void dirty_bitmap_checks_in_order(void **state)
{
	struct fixture *t = fixture(state);

	get_errno(EOPNOTSUPP, .hwpt_id = 99, .flags = 2, .iova = 1);
	get_errno(ENOENT, .hwpt_id = 99, .iova = 1);
	get_errno(EINVAL, .hwpt_id = mock.hwpt, .iova = UINT64_MAX);
	get_errno(EOVERFLOW, .hwpt_id = mock.hwpt, .iova = UINT64_MAX, .length = 2);
	get_errno(EINVAL, .hwpt_id = mock.hwpt, .iova = 1, .length = PAGE);
	get_errno(EINVAL, .hwpt_id = mock.hwpt, .iova = IOVA, .length = PAGE);
	get_errno(EINVAL, .hwpt_id = mock.hwpt, .iova = IOVA, .length = PAGE,
		  .page_size = 2 * PAGE);
	get_errno(EOPNOTSUPP, .hwpt_id = mock.hwpt, .iova = IOVA, .length = PAGE,
		  .page_size = PAGE);
}

/* ---- GET_DIRTY_BITMAP: the bitmap ---- */

static void a_bit_of_the_dirty_bitmap_is_a_page(void **state)
{
	struct fixture *t = fixture(state);
	uint8_t bits[PAGES / 8] = {0};

	write_pages(t, UINT64_C(0x8000000000000201));
	read_bits(t, 0, IOVA, PAGES * PAGE, PAGE, bits);
	expect_equal(bits[0], 1);
	expect_equal(bits[1], 2);
	expect_equal(bits[7], 0x80);
	for (int i = 2; i < 7; i++)
		expect_equal(bits[i], 0);
}

static void dirty_bits_are_set_and_never_cleared(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t bits = 0xf00f;

	write_pages(t, 0xff0);
	read_bits(t, 0, IOVA, PAGES * PAGE, PAGE, &bits);
	expect_equal(bits, 0xffff);
}

static void a_query_of_the_dirty_bitmap_cleans(void **state)
{
	struct fixture *t = fixture(state);

	write_pages(t, 0x5a);
	expect_equal(take_dirty(t), 0x5a);
	expect_equal(take_dirty(t), 0);
	write_pages(t, 0x3);
	expect_equal(take_dirty(t), 0x3);
}

static void a_query_with_no_clear_cleans_nothing(void **state)
{
	struct fixture *t = fixture(state);

	write_pages(t, 0x5a);
	expect_equal(peek_dirty(t), 0x5a);
	expect_equal(peek_dirty(t), 0x5a);
	expect_equal(take_dirty(t), 0x5a);
	expect_equal(peek_dirty(t), 0);
}

static void a_query_of_the_dirty_bitmap_cleans_its_range_only(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t bits = 0;

	write_pages(t, UINT64_MAX);
	read_bits(t, 0, IOVA + 8 * PAGE, 16 * PAGE, PAGE, &bits);
	expect_equal(bits, 0xffff);
	expect_equal(take_dirty(t), ~UINT64_C(0xffff00));
}

static void dirty_bits_may_be_smaller_than_pages(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t bits = 0;

	write_pages(t, 0x2);
	read_bits(t, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR, IOVA, 4 * PAGE, 2048, &bits);
	expect_equal(bits, 0xc);
	bits = 0;
	read_bits(t, 0, IOVA, 4 * PAGE, 256, &bits);
	expect_equal(bits, 0xffff0000);
}

static void dirty_bits_may_be_larger_than_pages(void **state)
{
	struct fixture *t = fixture(state);
	uint8_t bits = 0;

	write_pages(t, UINT64_C(1) << 63 | 1 << 9);
	read_bits(t, 0, IOVA, PAGES * PAGE, 8 * PAGE, &bits);
	expect_equal(bits, 0x82);
	expect_equal(take_dirty(t), 0);
}

static void the_page_size_of_a_dirty_bitmap_counts_by_its_lowest_bit(void **state)
{
	struct fixture *t = fixture(state);
	/* Aligned to both of its bits' sum less one: whole multiples of 16 pages. */
	const uint64_t page_size = 8 * PAGE | PAGE;
	uint64_t bits = 0;

	write_pages(t, 0x11);
	read_bits(t, 0, IOVA, 16 * PAGE, page_size, &bits);
	expect_equal(bits, 0x11);
}

static void the_dirty_bitmap_may_start_at_any_byte(void **state)
{
	struct fixture *t = fixture(state);
	uint8_t bits[3 + PAGES / 8 + 1] = {0};

	write_pages(t, UINT64_C(0x8000000000000001));
	read_bits(t, 0, IOVA, PAGES * PAGE, PAGE, bits + 3);
	expect_equal(bits[3], 1);
	expect_equal(bits[3 + 7], 0x80);
	expect_equal(bits[2], 0);
	expect_equal(bits[3 + 8], 0);
}

static void dirty_bits_beyond_the_range_are_not_touched(void **state)
{
	struct fixture *t = fixture(state);
	uint8_t bits[2] = {0, 0};
	uint8_t *end = before_hole(bits, 1);

	write_pages(t, UINT64_MAX);
	read_bits(t, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR, IOVA, 3 * PAGE, PAGE, bits);
	expect_equal(bits[0], 7);
	expect_equal(bits[1], 0);
	/* The last byte of the memory is the bitmap's only one. */
	read_bits(t, 0, IOVA, 8 * PAGE, PAGE, end);
	expect_equal(*end, 0xff);
}

static void a_hole_ends_the_walk_for_dirty_pages(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t end = IOVA + PAGES * PAGE;
	uint64_t bits[2] = {0, 0};

	map_at(t->iommu, t->ioas, RW, end, mem_pages(PAGE), PAGE);
	map_at(t->iommu, t->ioas, RW, end + 2 * PAGE, mem_pages(PAGE), PAGE);
	write_page(t, end);
	write_page(t, end + 2 * PAGE);
	read_bits(t, 0, IOVA, 2 * PAGES * PAGE, PAGE, bits);
	expect_equal(bits[1], 1);
	/* What is behind the hole stays dirty. */
	bits[0] = 0;
	read_bits(t, 0, end + 2 * PAGE, PAGE, PAGE, bits);
	expect_equal(bits[0], 1);
}

static void a_dirty_bitmap_that_begins_in_a_hole_reports_nothing(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t bits = 0;

	write_pages(t, UINT64_MAX);
	read_bits(t, 0, IOVA - PAGE, 4 * PAGE, PAGE, &bits);
	expect_equal(bits, 0);
	read_bits(t, 0, UINT64_C(1) << 50, PAGE, PAGE, &bits);
	expect_equal(bits, 0);
	expect_equal(take_dirty(t), UINT64_MAX);
}

static void a_dirty_bitmap_may_cover_part_of_an_area(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t bits = 0;

	write_pages(t, 0xff);
	read_bits(t, 0, IOVA + 6 * PAGE, 4 * PAGE, PAGE, &bits);
	expect_equal(bits, 0x3);
}

static void an_unwritable_dirty_bitmap_is_ignored(void **state)
{
	struct fixture *t = fixture(state);

	write_pages(t, 0x5);
	read_bits(t, 0, IOVA, PAGES * PAGE, PAGE, mem_of_kind(PAGE, MEM_RO));
	expect_equal(take_dirty(t), 0);
	write_pages(t, 0x5);
	read_bits(t, 0, IOVA, PAGES * PAGE, PAGE, NULL);
	expect_equal(take_dirty(t), 0);
}

static void the_unwritable_half_of_a_dirty_bitmap_is_lost(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t zeros = 0;
	uint8_t *bits = at_border(&zeros, sizeof(zeros), 4, MEM_RW, MEM_HOLE);

	write_pages(t, UINT64_MAX);
	read_bits(t, 0, IOVA, PAGES * PAGE, PAGE, bits);
	expect_equal(bits[0], 0xff);
	expect_equal(bits[3], 0xff);
}

static void the_dirty_bitmap_can_be_read_with_tracking_off(void **state)
{
	struct fixture *t = fixture(state);

	write_pages(t, 0x11);
	track(t, false);
	expect_equal(take_dirty(t), 0x11);
	expect_equal(take_dirty(t), 0);
}

static void each_hwpt_has_its_own_dirty_state(void **state)
{
	struct fixture *t = fixture(state);
	struct fixture other = *t;

	other.hwpt = new_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	track(&other, true);
	write_pages(t, 0x3);
	write_pages(&other, 0x6);
	expect_equal(take_dirty(t), 0x3);
	expect_equal(take_dirty(&other), 0x6);
}

static void unmapping_discards_the_dirty_state(void **state)
{
	struct fixture *t = fixture(state);

	write_pages(t, UINT64_MAX);
	unmap(t->iommu, t->ioas, IOVA, PAGES * PAGE);
	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGES * PAGE), PAGES * PAGE);
	expect_equal(take_dirty(t), 0);
}

static void a_write_makes_all_of_a_large_leaf_dirty(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t at = 2 * IOVA;
	uint8_t bits[64] = {0};
	char *memory = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << 26), -1, 0);

	if (memory == MAP_FAILED)
		skip_test("no huge pages of 2 MiB are set aside (vm.nr_hugepages)");
	t->hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			    MOCK_PAGETABLE_HUGE);
	track(t, true);
	map_at(t->iommu, t->ioas, RW, at, memory, 2 * MIB);
	write_page(t, at + MIB + 5 * PAGE);
	read_bits(t, 0, at, 2 * MIB, PAGE, bits);
	for (int i = 0; i < 64; i++)
		expect_equal(bits[i], i < 32 ? 0 : 0xff);
	/* Any part of it tells, and cleaning a part cleans the leaf. */
	write_page(t, at + MIB - PAGE);
	memset(bits, 0, sizeof(bits));
	read_bits(t, 0, at, PAGE, PAGE, bits);
	expect_equal(bits[0], 1);
	unmap(t->iommu, t->ioas, at, 2 * MIB);
	munmap(memory, 2 * MIB);
}

static void large_dirty_bitmaps_are_written_whole(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t dirty = UINT64_C(1) << 63 | UINT64_C(1) << 32 | 1;
	uint8_t *bits = mem_pages(PAGES * PAGE / 8);

	/* A bit is a byte. */
	write_pages(t, dirty);
	read_bits(t, 0, IOVA, PAGES * PAGE, 1, bits);
	for (uint64_t i = 0; i < PAGES * PAGE / 8; i++)
		expect_equal(bits[i], dirty >> i / (PAGE / 8) & 1 ? 0xff : 0);
}

int hwpt_dirty(void)
{
	const struct CMUnitTest tests[] = {
		CASE(dirty, set_dirty_tracking_with_unknown_flags_is_EOPNOTSUPP, "DIRTY-SET.1"),
		CASE(dirty, set_dirty_tracking_does_not_check_reserved, "DIRTY-SET"),
		CASE(nested, set_dirty_tracking_of_no_paging_hwpt_is_ENOENT, "DIRTY-SET.2"),
		CASE(mock, set_dirty_tracking_of_a_hwpt_without_it_is_EOPNOTSUPP, "DIRTY-SET.3"),
		CASE(dirty, enabling_dirty_tracking_forgets_what_was_recorded, "DIRTY-SET"),
		CASE(dirty, disabling_dirty_tracking_stops_recording, "DIRTY-SET"),
		CASE(dirty, dirty_bitmap_with_unknown_flags_or_reserved_is_EOPNOTSUPP,
		     "DIRTY-BITMAP.1"),
		CASE(nested, dirty_bitmap_of_no_paging_hwpt_is_ENOENT, "DIRTY-BITMAP.2"),
		CASE(dirty, dirty_bitmap_of_length_0_is_EINVAL, "DIRTY-BITMAP.3"),
		CASE(dirty, dirty_bitmap_of_a_range_that_wraps_is_EOVERFLOW, "DIRTY-BITMAP.4"),
		CASE(dirty, dirty_bitmap_wants_a_range_aligned_as_the_ioas, "DIRTY-BITMAP.5"),
		CASE(dirty, dirty_bitmap_with_a_page_size_of_0_is_EINVAL, "DIRTY-BITMAP.6"),
		CASE(dirty, dirty_bitmap_wants_a_range_aligned_as_the_page_size, "DIRTY-BITMAP.7"),
		CASE(mock, dirty_bitmap_of_a_hwpt_without_tracking_is_EOPNOTSUPP, "DIRTY-BITMAP.8"),
		CASE(mock, dirty_bitmap_checks_in_order, "DIRTY-BITMAP"),
		CASE(dirty, a_bit_of_the_dirty_bitmap_is_a_page, "DIRTY-BITMAP"),
		CASE(dirty, dirty_bits_are_set_and_never_cleared, "DIRTY-BITMAP"),
		CASE(dirty, a_query_of_the_dirty_bitmap_cleans, "DIRTY-BITMAP"),
		CASE(dirty, a_query_with_no_clear_cleans_nothing, "DIRTY-BITMAP"),
		CASE(dirty, a_query_of_the_dirty_bitmap_cleans_its_range_only, "DIRTY-BITMAP"),
		CASE(dirty, dirty_bits_may_be_smaller_than_pages, "DIRTY-BITMAP"),
		CASE(dirty, dirty_bits_may_be_larger_than_pages, "DIRTY-BITMAP"),
		CASE(dirty, the_page_size_of_a_dirty_bitmap_counts_by_its_lowest_bit,
		     "DIRTY-BITMAP"),
		CASE(dirty, the_dirty_bitmap_may_start_at_any_byte, "DIRTY-BITMAP"),
		CASE(dirty, dirty_bits_beyond_the_range_are_not_touched, "DIRTY-BITMAP"),
		CASE(dirty, a_hole_ends_the_walk_for_dirty_pages, "DIRTY-BITMAP"),
		CASE(dirty, a_dirty_bitmap_that_begins_in_a_hole_reports_nothing, "DIRTY-BITMAP"),
		CASE(dirty, a_dirty_bitmap_may_cover_part_of_an_area, "DIRTY-BITMAP"),
		CASE(dirty, an_unwritable_dirty_bitmap_is_ignored, "DIRTY-BITMAP"),
		CASE(dirty, the_unwritable_half_of_a_dirty_bitmap_is_lost, "DIRTY-BITMAP"),
		CASE(dirty, the_dirty_bitmap_can_be_read_with_tracking_off, "DIRTY-BITMAP"),
		CASE(dirty, each_hwpt_has_its_own_dirty_state, "DIRTY-BITMAP"),
		CASE(dirty, unmapping_discards_the_dirty_state, "DIRTY-BITMAP"),
		CASE(dirty, a_write_makes_all_of_a_large_leaf_dirty, "DIRTY-BITMAP"),
		CASE(dirty, large_dirty_bitmaps_are_written_whole, "DIRTY-BITMAP"),
	};

	return cmocka_run_group_tests_name("dirty tracking", tests, NULL, NULL);
}
