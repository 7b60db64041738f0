/* SPDX-License-Identifier: MIT */
/* The mock IOMMU's tables [MOCK-HWPT]. */
#include <errno.h>
#include <sys/mman.h>

#include "mock.h"

/* HWPT_ALLOC with data of @length bytes. */
#define alloc_errno(error, ...)                         \
	expect_errno(error, t->iommu, IOMMU_HWPT_ALLOC, \
		     CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = t->ioas, __VA_ARGS__))

static void mock_hwpts_take_all_combinations_of_flags(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t flags[] = {IOMMU_HWPT_ALLOC_NEST_PARENT, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				  IOMMU_HWPT_ALLOC_PASID};

	for (unsigned int i = 0; i < 8; i++) {
		uint32_t all = 0;

		for (unsigned int bit = 0; bit < 3; bit++)
			all |= i & (1u << bit) ? flags[bit] : 0;
		expect_ok(
			t->iommu, IOMMU_HWPT_ALLOC,
			CMD(iommu_hwpt_alloc, .flags = all, .dev_id = mock.idev, .pt_id = t->ioas));
		mock_hwpt(t->iommu, mock.idev, t->ioas, all, MOCK_PAGETABLE_DEFAULT);
	}
	alloc_errno(EOPNOTSUPP, .flags = 1u << 4);
}

static void mock_hwpts_with_dirty_tracking_need_a_device_that_has_it(void **state)
{
	struct fixture *t = fixture(state);
	struct mock plain = add_mock(t->iommu, t->ioas, MOCK_DEVICE_NO_DIRTY);

	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_HWPT_ALLOC,
		     CMD(iommu_hwpt_alloc, .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			 .dev_id = plain.idev, .pt_id = t->ioas));
}

static void mock_hwpt_data_is_4_to_8_bytes(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_selftest data[2] = {{.iotlb = 9}};
	const uint64_t uptr = (uintptr_t)data;
	const uint32_t type = IOMMU_HWPT_DATA_SELFTEST;

	alloc_errno(EINVAL, .data_type = type, .data_len = 3, .data_uptr = uptr);
	alloc_errno(EINVAL, .data_type = type, .data_len = 9, .data_uptr = uptr);
	alloc_errno(EINVAL, .data_type = type, .data_len = 16, .data_uptr = uptr);
	expect_ok(t->iommu, IOMMU_HWPT_ALLOC,
		  CMD(iommu_hwpt_alloc, .dev_id = mock.idev, .pt_id = t->ioas, .data_type = type,
		      .data_len = 4, .data_uptr = uptr));
}

static void mock_hwpt_data_is_checked(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_hwpt_selftest data = {.pagetable_type = 2};
	const uint64_t bad = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE);

	alloc_errno(EOPNOTSUPP, .data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(data),
		    .data_uptr = (uintptr_t)&data);
	alloc_errno(EOPNOTSUPP, .data_type = IOMMU_HWPT_DATA_VTD_S1, .data_len = sizeof(data),
		    .data_uptr = (uintptr_t)&data);
	alloc_errno(EFAULT, .data_type = IOMMU_HWPT_DATA_SELFTEST, .data_len = sizeof(data),
		    .data_uptr = bad);
	alloc_errno(EINVAL, .data_type = IOMMU_HWPT_DATA_SELFTEST);
	alloc_errno(EINVAL, .data_len = 8, .data_uptr = (uintptr_t)&data);
}

static void default_mock_hwpts_show_their_aperture(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range ranges[2];
	uint64_t alignment;

	expect_equal(iova_ranges(t->iommu, t->ioas, ranges, 2, &alignment), 1);
	expect_equal(ranges[0].start, MOCK_APERTURE_START);
	expect_equal(ranges[0].last, MOCK_APERTURE_LAST);
	expect_equal(alignment, MOCK_PAGE_SIZE);
}

static void huge_mock_hwpts_have_38_bits(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range ranges[2];
	uint32_t ioas = new_ioas(t->iommu);
	uint64_t alignment;

	mock_hwpt(t->iommu, mock.idev, ioas, 0, MOCK_PAGETABLE_HUGE);
	expect_equal(iova_ranges(t->iommu, ioas, ranges, 2, &alignment), 1);
	expect_equal(ranges[0].start, 0);
	expect_equal(ranges[0].last, (UINT64_C(1) << 38) - 1);
	expect_equal(alignment, PAGE);
}

/* ---- leaves, which dirty tracking shows ---- */

/*
 * Which pages of @page_size, of the first 64 at IOVA, are dirty when the byte at @offset is
 * written.
 */
static uint64_t leaf_of(int iommu, uint32_t hwpt, uint64_t offset, uint64_t page_size)
{
	uint64_t one = 1, bits = 0;

	expect_ok(iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		  CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = hwpt,
		      .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	test_ok(iommu, DIRTY, hwpt,
		.dirty = {.iova = IOVA + offset,
			  .length = 2048,
			  .page_size = 2048,
			  .uptr = (uintptr_t)&one});
	expect_ok(iommu, IOMMU_HWPT_GET_DIRTY_BITMAP,
		  CMD(iommu_hwpt_get_dirty_bitmap, .hwpt_id = hwpt, .iova = IOVA,
		      .length = 64 * page_size, .page_size = page_size, .data = (uintptr_t)&bits));
	return bits;
}

static void ordinary_pages_have_leaves_of_their_own(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_aligned(64 * PAGE, MIB), 64 * PAGE);
	expect_equal(leaf_of(t->iommu, hwpt, 0, PAGE), 0x1);
	expect_equal(leaf_of(t->iommu, hwpt, 5 * PAGE + 2048, PAGE), 0x20);
	expect_equal(leaf_of(t->iommu, hwpt, 0, 2048), 0x3);
}

static void half_pages_at_the_edges_have_leaves_of_2_KiB(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0);
	char *memory = mem_pages(33 * PAGE);

	/* The IOVA is a page's first, the memory its middle: no page fits. */
	map_at(t->iommu, t->ioas, RW, IOVA, memory + 2048, 32 * PAGE);
	check_map(t->iommu, hwpt, IOVA, memory + 2048, 32 * PAGE);
	expect_equal(leaf_of(t->iommu, hwpt, 2048, 2048), 0x2);
}

static void without_huge_pages_every_leaf_is_a_page(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu), hwpt;

	set_huge_pages(t->iommu, ioas, false);
	hwpt = mock_hwpt(t->iommu, mock.idev, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0);
	map_at(t->iommu, ioas, RW, IOVA, mem_aligned(64 * PAGE, MIB), 64 * PAGE);
	expect_equal(leaf_of(t->iommu, hwpt, 3 * PAGE, PAGE), 0x8);
	expect_equal(leaf_of(t->iommu, hwpt, 0, 2048), 0x3);
}

static void a_huge_page_gets_large_leaves(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t ioas = new_ioas(t->iommu), hwpt;
	char *memory = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << 26), -1, 0);

	if (memory == MAP_FAILED)
		skip_test("no huge pages of 2 MiB are set aside (vm.nr_hugepages)");
	hwpt = mock_hwpt(t->iommu, mock.idev, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			 MOCK_PAGETABLE_HUGE);
	map_at(t->iommu, ioas, RW, IOVA, memory, 2 * MIB);
	check_map(t->iommu, hwpt, IOVA, memory, 2 * MIB);
	/* 64 KiB per bit: all of the first MiB. */
	expect_equal(leaf_of(t->iommu, hwpt, 3 * PAGE, 16 * PAGE), 0xffff);
	unmap(t->iommu, ioas, IOVA, 2 * MIB);
	munmap(memory, 2 * MIB);
}

int mock_paging(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mock, mock_hwpts_take_all_combinations_of_flags,
		     "MOCK-HWPT, HWPT-ALLOC-FLAGS.1"),
		CASE(mock, mock_hwpts_with_dirty_tracking_need_a_device_that_has_it, "MOCK-HWPT"),
		CASE(mock, mock_hwpt_data_is_4_to_8_bytes, "MOCK-HWPT"),
		CASE(mock, mock_hwpt_data_is_checked, "MOCK-HWPT"),
		CASE(mock, default_mock_hwpts_show_their_aperture,
		     "MOCK-HWPT.1, IOAS-ALIGNMENT.3, TEST-CONSTANTS.1"),
		CASE(mock, huge_mock_hwpts_have_38_bits, "MOCK-HWPT.2"),
		CASE(mock, ordinary_pages_have_leaves_of_their_own, "MOCK-HWPT"),
		CASE(mock, half_pages_at_the_edges_have_leaves_of_2_KiB, "MOCK-HWPT"),
		CASE(mock, without_huge_pages_every_leaf_is_a_page, "MOCK-HWPT"),
		CASE(mock, a_huge_page_gets_large_leaves, "MOCK-HWPT, TEST-CONSTANTS.2"),
	};

	return cmocka_run_group_tests_name("page tables", tests, NULL, NULL);
}
