/* SPDX-License-Identifier: MIT */
/* Checking maps, references and reservations; marking dirty [TEST-CHECK]. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock.h"

/* ---- ADD_RESERVED ---- */

#define add_reserved_errno(error, iommu, of, from, bytes) \
	test_errno(error, iommu, ADD_RESERVED, of, .add_reserved = {.start = from, .length = bytes})

static void add_reserved(int iommu, uint32_t ioas, uint64_t start, uint64_t length)
{
	test_ok(iommu, ADD_RESERVED, ioas, .add_reserved = {.start = start, .length = length});
}

static void add_reserved_checks_its_arguments(void **state)
{
	struct fixture *t = fixture(state);

	add_reserved_errno(EINVAL, t->iommu, t->ioas, IOVA, 0);
	add_reserved_errno(EINVAL, t->iommu, 99, IOVA, 0);
	add_reserved_errno(EOVERFLOW, t->iommu, 99, UINT64_MAX, 2);
	add_reserved_errno(ENOENT, t->iommu, 99, IOVA, PAGE);
	add_reserved(t->iommu, t->ioas, UINT64_MAX, 1);
}

static void ranges_of_add_reserved_are_not_usable(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range ranges[3];

	add_reserved(t->iommu, t->ioas, IOVA, PAGE);
	expect_equal(iova_ranges(t->iommu, t->ioas, ranges, 3, NULL), 2);
	expect_equal(ranges[0].last, IOVA - 1);
	expect_equal(ranges[1].start, IOVA + PAGE);
	expect_errno(EINVAL, t->iommu, IOMMU_IOAS_MAP,
		     CMD(iommu_ioas_map, .flags = RW | FIXED, .ioas_id = t->ioas, .iova = IOVA,
			 .user_va = (uintptr_t)mem_pages(PAGE), .length = PAGE));
}

static void ranges_of_add_reserved_may_overlap(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range ranges[3];

	add_reserved(t->iommu, t->ioas, IOVA, 2 * PAGE);
	add_reserved(t->iommu, t->ioas, IOVA + PAGE, 2 * PAGE);
	add_reserved(t->iommu, t->ioas, IOVA, 2 * PAGE);
	expect_equal(iova_ranges(t->iommu, t->ioas, ranges, 3, NULL), 2);
	expect_equal(ranges[1].start, IOVA + 3 * PAGE);
}

static void add_reserved_of_a_used_range_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_iova_range allowed = {4 * IOVA, 4 * IOVA + PAGE - 1};

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	add_reserved_errno(EADDRINUSE, t->iommu, t->ioas, IOVA + PAGE - 1, PAGE);
	add_reserved_errno(EADDRINUSE, t->iommu, t->ioas, IOVA - 1, 2);
	add_reserved(t->iommu, t->ioas, IOVA + PAGE, PAGE);
	allow(t->iommu, t->ioas, &allowed, 1);
	add_reserved_errno(EADDRINUSE, t->iommu, t->ioas, 4 * IOVA, 1);
}

/* ---- MD_CHECK_MAP ---- */

#define check_map_errno(error, iommu, hwpt, at, bytes, va) \
	test_errno(error, iommu, MD_CHECK_MAP, hwpt,       \
		   .md_check_map = {.iova = at, .length = bytes, .uptr = (uintptr_t)(va)})

static void check_map_compares_page_by_page(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(4 * PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory, 4 * PAGE);
	check_map(t->iommu, mock.hwpt, IOVA, memory, 4 * PAGE);
	check_map(t->iommu, mock.hwpt, IOVA + 2048, memory + 2048, 2048);
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA, 2 * PAGE, memory + PAGE);
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA, 2048, memory + 2048);
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA + PAGE, PAGE, mem_pages(PAGE));
}

static void check_map_needs_a_paging_hwpt(void **state)
{
	struct fixture *t = fixture(state);

	check_map_errno(ENOENT, t->iommu, t->ioas, IOVA, 0, 0);
	check_map_errno(ENOENT, t->iommu, 99, IOVA, 0, 0);
}

static void check_map_needs_alignment(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA + 1024, 2048, memory);
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA, 1024, memory);
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA, 2048, memory + 1024);
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA, 4 * PAGE, -PAGE);
}

static void check_map_of_bad_memory_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);

	check_map_errno(EFAULT, t->iommu, mock.hwpt, IOVA, PAGE, mem_of_kind(PAGE, MEM_HOLE));
	check_map_errno(EFAULT, t->iommu, mock.hwpt, IOVA, PAGE, mem_of_kind(PAGE, MEM_NONE));
}

static void check_map_of_an_unmapped_iova_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	/* Not mapped; out of the aperture; and no page at all. */
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA, PAGE, mem_pages(PAGE));
	check_map_errno(EINVAL, t->iommu, mock.hwpt, UINT64_C(1) << 50, PAGE, mem_pages(PAGE));
	check_map(t->iommu, mock.hwpt, IOVA, NULL, 0);
}

static void two_addresses_of_a_file_have_the_same_frame(void **state)
{
	struct fixture *t = fixture(state);
	int fd = mem_file(4 * PAGE);
	char *one = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *two = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);

	expect_true(one != MAP_FAILED && two != MAP_FAILED);
	map_at(t->iommu, t->ioas, RW, IOVA, one, 4 * PAGE);
	check_map(t->iommu, mock.hwpt, IOVA + 2 * PAGE, two, 2 * PAGE);
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA, PAGE, two);
	munmap(two, 2 * PAGE);
	munmap(one, 4 * PAGE);
}

static void check_map_finds_a_mapped_file_through_the_mapping_of_the_program(void **state)
{
	struct fixture *t = fixture(state);
	int fd = mem_file(4 * PAGE);
	char *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	expect_true(memory != MAP_FAILED);
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .start = PAGE, .length = 3 * PAGE, .iova = IOVA));
	check_map(t->iommu, mock.hwpt, IOVA, memory + PAGE, 3 * PAGE);
	check_refs(t->iommu, memory + PAGE, 3 * PAGE, 1);
	check_refs(t->iommu, memory, PAGE, 0);
	map_at(t->iommu, t->ioas, RW, 2 * IOVA, memory, 4 * PAGE);
	check_refs(t->iommu, memory + PAGE, 3 * PAGE, 2);
	munmap(memory, 4 * PAGE);
}

/* ---- MD_CHECK_REFS ---- */

#define check_refs_errno(error, iommu, va, bytes, count) \
	test_errno(error, iommu, MD_CHECK_REFS, 0,       \
		   .md_check_refs = {.length = bytes, .uptr = (uintptr_t)(va), .refs = count})

static void a_page_is_pinned_once_for_each_source(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(4 * PAGE);

	check_refs(t->iommu, memory, 4 * PAGE, 0);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, 4 * PAGE);
	check_refs(t->iommu, memory, 4 * PAGE, 1);
	map_at(t->iommu, t->ioas, READ, 2 * IOVA, memory + PAGE, 2 * PAGE);
	check_refs(t->iommu, memory + PAGE, 2 * PAGE, 2);
	check_refs(t->iommu, memory, PAGE, 1);
	check_refs(t->iommu, memory + 3 * PAGE, PAGE, 1);
	unmap(t->iommu, t->ioas, IOVA, 4 * PAGE);
	check_refs(t->iommu, memory + PAGE, 2 * PAGE, 1);
	check_refs(t->iommu, memory, PAGE, 0);
}

static void copies_and_hwpts_do_not_pin_again(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);
	char *memory = mem_pages(2 * PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory, 2 * PAGE);
	mock_hwpt(t->iommu, mock.idev, t->ioas, 0, 0);
	add_mock(t->iommu, other, 0);
	expect_ok(t->iommu, IOMMU_IOAS_COPY,
		  CMD(iommu_ioas_copy, .flags = RW | FIXED, .dst_ioas_id = other,
		      .src_ioas_id = t->ioas, .length = PAGE, .dst_iova = IOVA, .src_iova = IOVA));
	check_refs(t->iommu, memory, 2 * PAGE, 1);
	unmap(t->iommu, t->ioas, IOVA, 2 * PAGE);
	check_refs(t->iommu, memory, PAGE, 1);
	check_refs(t->iommu, memory + PAGE, PAGE, 0);
}

/* Half pages, which mock devices have, reach it without wrapping. */
static void pinning_the_last_page_of_all_addresses_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map *map = CMD(iommu_ioas_map, .flags = READ | FIXED, .ioas_id = t->ioas,
					 .length = PAGE / 2, .iova = IOVA);

	map->user_va = -PAGE;
	expect_errno(EOVERFLOW, t->iommu, IOMMU_IOAS_MAP, map);
	map->user_va = -2 * PAGE;
	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_MAP, map);
}

static void nothing_is_pinned_without_a_hwpt(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	check_refs(t->iommu, memory, PAGE, 0);
	mock = add_mock(t->iommu, t->ioas, 0);
	check_refs(t->iommu, memory, PAGE, 1);
	destroy(t->iommu, mock.stdev);
	check_refs(t->iommu, memory, PAGE, 0);
}

static void check_refs_counts_the_pins_of_all_contexts(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);
	int other = open_context();
	uint32_t ioas = new_ioas(other);

	add_mock(other, ioas, 0);
	map_at(other, ioas, RW, IOVA, memory, PAGE);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	check_refs(t->iommu, memory, PAGE, 2);
	check_refs(other, memory, PAGE, 2);
	close(other);
	check_refs(t->iommu, memory, PAGE, 1);
}

static void check_refs_with_a_wrong_count_is_EIO(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGE);
	check_refs_errno(EIO, t->iommu, memory, PAGE, 0);
	check_refs_errno(EIO, t->iommu, memory, PAGE, 2);
	check_refs_errno(EIO, t->iommu, memory, 2 * PAGE, 1);
}

static void check_refs_needs_whole_pages(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(PAGE);

	check_refs_errno(EINVAL, t->iommu, memory + 2048, PAGE, 0);
	check_refs_errno(EINVAL, t->iommu, memory, 2048, 0);
	check_refs_errno(EINVAL, t->iommu, -PAGE, 2 * PAGE, 0);
	check_refs_errno(EFAULT, t->iommu, mem_of_kind(PAGE, MEM_HOLE), PAGE, 0);
	check_refs(t->iommu, memory, 0, 5);
}

static void check_refs_goes_page_by_page(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = at_border("", 1, PAGE, MEM_RW, MEM_HOLE);

	memory[0] = 1;
	check_refs_errno(EFAULT, t->iommu, memory, 2 * PAGE, 0);
	check_refs_errno(EIO, t->iommu, memory, 2 * PAGE, 1);
	check_refs_errno(EIO, t->iommu, memory, UINT64_C(1) << 46, 1);
}

static void a_new_page_at_the_address_is_not_the_pinned_page(void **state)
{
	struct fixture *t = fixture(state);
	char *memory = mem_pages(2 * PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA, memory, 2 * PAGE);
	expect_true(mmap(memory, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	check_refs(t->iommu, memory, PAGE, 0);
	check_refs(t->iommu, memory + PAGE, PAGE, 1);
	check_map_errno(EINVAL, t->iommu, mock.hwpt, IOVA, PAGE, memory);
	check_map(t->iommu, mock.hwpt, IOVA + PAGE, memory + PAGE, PAGE);
}

/* ---- DIRTY ---- */

static uint32_t dirty_hwpt;

static void track(int iommu, bool on)
{
	expect_ok(iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		  CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = dirty_hwpt, .flags = on));
}

/* A table with dirty tracking, and 16 pages mapped. */
static int setup_dirty(void **state)
{
	struct fixture *t;

	if (setup_mock(state))
		return -1;
	t = *state;
	dirty_hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0);
	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(16 * PAGE), 16 * PAGE);
	track(t->iommu, true);
	return 0;
}

#define dirty_errno(error, of, ...) test_errno(error, t->iommu, DIRTY, of, .dirty = {__VA_ARGS__})

static uint64_t mark(int iommu, uint64_t page_size, uint64_t bits)
{
	struct iommu_test_cmd *cmd = TEST_CMD(DIRTY, dirty_hwpt,
					      .dirty = {.iova = IOVA,
							.length = 16 * PAGE,
							.page_size = page_size,
							.uptr = (uintptr_t)&bits});

	expect_ok(iommu, IOMMU_TEST_CMD, cmd);
	return cmd->dirty.out_nr_dirty;
}

static uint64_t read_dirty(int iommu, uint64_t page_size)
{
	uint64_t bits = 0;

	expect_ok(iommu, IOMMU_HWPT_GET_DIRTY_BITMAP,
		  CMD(iommu_hwpt_get_dirty_bitmap, .hwpt_id = dirty_hwpt, .iova = IOVA,
		      .length = 16 * PAGE, .page_size = page_size, .data = (uintptr_t)&bits));
	return bits;
}

static void test_dirty_marks_the_leaves_of_the_set_bits(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(mark(t->iommu, PAGE, 0x8005), 3);
	expect_equal(read_dirty(t->iommu, PAGE), 0x8005);
	expect_equal(read_dirty(t->iommu, PAGE), 0);
	expect_equal(mark(t->iommu, PAGE, 0), 0);
	/* Half pages are marked by whole leaves. */
	expect_equal(mark(t->iommu, 2048, 0x2), 1);
	expect_equal(read_dirty(t->iommu, PAGE), 0x1);
}

static void test_dirty_ignores_unmapped_addresses(void **state)
{
	struct fixture *t = fixture(state);

	unmap(t->iommu, t->ioas, IOVA, 16 * PAGE);
	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(4 * PAGE), 4 * PAGE);
	expect_equal(mark(t->iommu, PAGE, 0xff), 8);
	expect_equal(read_dirty(t->iommu, PAGE), 0xf);
}

static void test_dirty_checks_its_arguments(void **state)
{
	struct fixture *t = fixture(state);
	uint64_t bits[2] = {0};
	const uint64_t uptr = (uintptr_t)bits;

	dirty_errno(EINVAL, 99, .iova = IOVA, .length = PAGE, .uptr = uptr);
	dirty_errno(EINVAL, 99, .iova = IOVA, .page_size = PAGE, .uptr = uptr);
	dirty_errno(EINVAL, 99, .iova = IOVA + 1, .length = PAGE, .page_size = PAGE, .uptr = uptr);
	dirty_errno(EINVAL, 99, .iova = IOVA, .length = PAGE + 1, .page_size = PAGE, .uptr = uptr);
	dirty_errno(EINVAL, 99, .iova = IOVA, .length = PAGE, .page_size = PAGE);
	dirty_errno(EOVERFLOW, 99, .iova = 0, .length = (UINT64_C(1) << 27) + 1, .page_size = 1,
		    .uptr = uptr);
	dirty_errno(ENOENT, 99, .iova = IOVA, .length = PAGE, .page_size = PAGE, .uptr = uptr);
	dirty_errno(ENOENT, t->ioas, .iova = IOVA, .length = PAGE, .page_size = PAGE, .uptr = uptr);
	/* Without tracking; and with it, but off. */
	dirty_errno(EINVAL, mock.hwpt, .iova = IOVA, .length = PAGE, .page_size = PAGE,
		    .uptr = uptr);
	dirty_errno(EFAULT, dirty_hwpt, .iova = IOVA, .length = PAGE, .page_size = PAGE,
		    .uptr = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE));
	track(t->iommu, false);
	dirty_errno(EINVAL, dirty_hwpt, .iova = IOVA, .length = PAGE, .page_size = PAGE,
		    .uptr = uptr);
}

int mock_check(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, add_reserved_checks_its_arguments, "TEST-CHECK"),
		CASE(ioas, ranges_of_add_reserved_are_not_usable, "TEST-CHECK"),
		CASE(ioas, ranges_of_add_reserved_may_overlap, "TEST-CHECK, IOAS-USABLE.1"),
		CASE(ioas, add_reserved_of_a_used_range_is_EADDRINUSE, "TEST-CHECK, IOAS-USABLE.1"),
		CASE(mock, check_map_compares_page_by_page, "TEST-CHECK-MAP.4"),
		CASE(mock, check_map_needs_a_paging_hwpt, "TEST-CHECK-MAP.1"),
		CASE(mock, check_map_needs_alignment, "TEST-CHECK-MAP.2"),
		CASE(mock, check_map_of_bad_memory_is_EFAULT, "TEST-CHECK-MAP.3"),
		CASE(mock, check_map_of_an_unmapped_iova_is_EINVAL, "TEST-CHECK-MAP.4"),
		CASE(mock, two_addresses_of_a_file_have_the_same_frame, "TEST-CHECK"),
		CASE(mock, check_map_finds_a_mapped_file_through_the_mapping_of_the_program,
		     "TEST-CHECK"),
		CASE(mock, a_page_is_pinned_once_for_each_source, "TEST-CHECK"),
		CASE(mock, copies_and_hwpts_do_not_pin_again, "TEST-CHECK"),
		CASE(mock, pinning_the_last_page_of_all_addresses_is_EOVERFLOW,
		     "IOAS-PIN-ERRORS.8"),
		CASE(ioas, nothing_is_pinned_without_a_hwpt, "TEST-CHECK"),
		CASE(mock, check_refs_counts_the_pins_of_all_contexts, "TEST-CHECK"),
		CASE(mock, check_refs_with_a_wrong_count_is_EIO, "TEST-CHECK"),
		CASE(context, check_refs_needs_whole_pages, "TEST-CHECK"),
		CASE(context, check_refs_goes_page_by_page, "TEST-CHECK"),
		CASE(mock, a_new_page_at_the_address_is_not_the_pinned_page, "TEST-CHECK"),
		CASE(dirty, test_dirty_marks_the_leaves_of_the_set_bits, "TEST-CHECK"),
		CASE(dirty, test_dirty_ignores_unmapped_addresses, "TEST-CHECK"),
		CASE(dirty, test_dirty_checks_its_arguments, "TEST-CHECK, TEST-DIRTY.1..5"),
	};

	return cmocka_run_group_tests_name("checks", tests, NULL, NULL);
}
