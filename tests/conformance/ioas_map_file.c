/* SPDX-License-Identifier: MIT */
/* 10-ioas, 4.2: IOMMU_IOAS_MAP_FILE. The dma-buf rows need an exporter and are not here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "conformance.h"
#include "groups.h"

static struct iommu_ioas_map_file good(const struct fixture *t)
{
	return (struct iommu_ioas_map_file){
		.size = sizeof(struct iommu_ioas_map_file),
		.flags = RW | FIXED,
		.ioas_id = t->ioas,
		.fd = mem_file(4 * PAGE),
		.length = PAGE,
		.iova = IOVA,
	};
}

static void expect_map(int error, const struct fixture *t, const struct iommu_ioas_map_file *map)
{
	struct iommu_ioas_map_file cmd = *map;

	expect_errno(error, t->iommu, IOMMU_IOAS_MAP_FILE, &cmd);
}

static void s10_4_2_row1_unknown_flags_are_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	for (unsigned int bit = 3; bit < 32; bit++) {
		map.flags = RW | FIXED | 1u << bit;
		expect_map(EOPNOTSUPP, t, &map);
	}
}

static void s10_4_2_row2_iova_or_length_of_U64_MAX_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.iova = UINT64_MAX;
	expect_map(EOVERFLOW, t, &map);
	map.flags = RW;
	expect_map(EOVERFLOW, t, &map);
	map = good(t);
	map.length = UINT64_MAX;
	expect_map(EOVERFLOW, t, &map);
}

static void s10_4_2_row3_neither_readable_nor_writeable_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.flags = FIXED;
	expect_map(EINVAL, t, &map);
}

static void s10_4_2_row4_no_such_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.ioas_id = t->ioas + 1;
	expect_map(ENOENT, t, &map);
}

static void s10_4_2_row5_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.length = 0;
	expect_map(EINVAL, t, &map);
	map.fd = -1;
	map.start = UINT64_MAX;
	expect_map(EINVAL, t, &map);
}

static void s10_4_2_row6_a_file_range_that_wraps_is_EOVERFLOW(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.start = UINT64_MAX;
	map.length = 2;
	expect_map(EOVERFLOW, t, &map);
	map.start = -PAGE + 1;
	map.length = PAGE;
	map.fd = -1;
	expect_map(EOVERFLOW, t, &map);
}

static void s10_4_2_row7d_a_descriptor_that_is_not_open_is_EBADF(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	close(map.fd);
	expect_map(EBADF, t, &map);
	map.fd = -1;
	expect_map(EBADF, t, &map);
	map.fd = INT32_MAX;
	expect_map(EBADF, t, &map);
	map.length = UINT64_MAX - 1; /* of row 8 */
	expect_map(EBADF, t, &map);
}

static void s10_4_2_row8_length_above_U64_MAX_less_a_page_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.iova = 0;
	map.length = UINT64_MAX - PAGE + 1;
	expect_map(EINVAL, t, &map);
}

static void s10_4_2_row8_the_alignment_holds_for_length_iova_and_start(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	set_huge_pages(t->iommu, t->ioas, false);
	map.length = PAGE + 1;
	expect_map(EINVAL, t, &map);
	map = good(t);
	map.iova = IOVA + 512;
	expect_map(EINVAL, t, &map);
	map = good(t);
	map.start = 512;
	expect_map(EINVAL, t, &map);
	map.start = PAGE;
	expect_map(0, t, &map);
}

static void s10_4_2_row8_fixed_iova_rows_are_those_of_map(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.iova = -PAGE;
	map.length = 2 * PAGE;
	expect_map(EOVERFLOW, t, &map);
	map = good(t);
	expect_map(0, t, &map);
	expect_map(EEXIST, t, &map);
}

static void s10_4_2_row8_bad_files_are_undone_with_a_page_table(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.length = 5 * PAGE;
	expect_map(EINVAL, t, &map);
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
	map.length = 4 * PAGE;
	expect_map(0, t, &map);
}

static void s10_4_2_only_memory_files_can_be_pinned(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);
	int pipes[2];

	expect_equal(pipe(pipes), 0);
	close_later(pipes[0]);
	close_later(pipes[1]);
	map.fd = pipes[0];
	expect_map(EINVAL, t, &map);
	map.fd = close_later(open("/dev/null", O_RDWR | O_CLOEXEC));
	expect_map(EINVAL, t, &map);
	map.fd = close_later(eventfd(0, EFD_CLOEXEC));
	expect_map(EINVAL, t, &map);
}

static void s10_4_2_any_descriptor_maps_without_a_page_table(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.fd = close_later(open("/dev/null", O_RDONLY | O_CLOEXEC));
	expect_map(0, t, &map);
	map.iova += PAGE;
	map.fd = close_later(eventfd(0, EFD_CLOEXEC));
	expect_map(0, t, &map);
	/* Beyond its end, too. */
	map = good(t);
	map.iova += 16 * PAGE;
	map.start = 100 * PAGE;
	expect_map(0, t, &map);
}

static void s10_4_2_what_cannot_be_pinned_is_found_by_attaching(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.start = 4 * PAGE;
	expect_map(0, t, &map);
	expect_errno(EINVAL, t->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		     VFIO_CMD(vfio_device_attach_iommufd_pt, .pt_id = t->ioas));
	unmap(t->iommu, t->ioas, IOVA, PAGE);
	attach_device(t->device, t->ioas);
}

static void s10_4_2_pages_must_be_entirely_inside_the_file(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.fd = mem_file(2 * PAGE + 100);
	map.length = 3 * PAGE;
	expect_map(EINVAL, t, &map);
	map.start = 2 * PAGE;
	map.length = PAGE;
	expect_map(EINVAL, t, &map);
	map.start = PAGE;
	expect_map(0, t, &map);
}

static void s10_4_2_a_first_byte_from_2_63_on_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.start = UINT64_C(1) << 63;
	expect_map(EINVAL, t, &map);
}

static void s10_4_2_the_open_mode_is_never_examined(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", map.fd);
	map.fd = close_later(open(path, O_RDONLY | O_CLOEXEC));
	expect_true(map.fd >= 0);
	expect_map(0, t, &map);
}

static void s10_4_2_the_descriptor_may_be_closed_afterwards(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	expect_map(0, t, &map);
	close(map.fd);
	attach_device(t->device, t->ioas);
}

static void s10_4_2_start_need_not_be_aligned(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.start = 3;
	map.length = 5;
	expect_map(0, t, &map);
}

static void s10_4_2_start_is_the_hint_of_an_automatic_iova(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.flags = RW;
	map.start = 0x2345;
	map.length = 0x100;
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE, &map);
	expect_equal(map.iova, PAGE + 0x345);
	map.start = 0x10000;
	map.length = 0x10000;
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE, &map);
	expect_equal(map.iova, 0x10000);
	map.start = 0;
	map.length = 3 * PAGE;
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE, &map);
	expect_equal(map.iova, 4 * PAGE);
}

static void s10_4_2_file_areas_are_copied_and_unmapped_like_others(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.length = 4 * PAGE;
	expect_map(0, t, &map);
	expect_ok(t->iommu, IOMMU_IOAS_COPY,
		  CMD(iommu_ioas_copy, .flags = RW | FIXED, .dst_ioas_id = t->ioas,
		      .src_ioas_id = t->ioas, .length = 2 * PAGE, .src_iova = IOVA + PAGE,
		      .dst_iova = 2 * IOVA));
	unmap(t->iommu, t->ioas, IOVA, 4 * PAGE);
	expect_true(is_mapped(t->iommu, t->ioas, 2 * IOVA + PAGE));
	unmap(t->iommu, t->ioas, 2 * IOVA, 2 * PAGE);
}

int ioas_map_file(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, s10_4_2_row1_unknown_flags_are_EOPNOTSUPP),
		CASE(ioas, s10_4_2_row2_iova_or_length_of_U64_MAX_is_EOVERFLOW),
		CASE(ioas, s10_4_2_row3_neither_readable_nor_writeable_is_EINVAL),
		CASE(ioas, s10_4_2_row4_no_such_ioas_is_ENOENT),
		CASE(ioas, s10_4_2_row5_length_0_is_EINVAL),
		CASE(ioas, s10_4_2_row6_a_file_range_that_wraps_is_EOVERFLOW),
		CASE(ioas, s10_4_2_row7d_a_descriptor_that_is_not_open_is_EBADF),
		CASE(ioas, s10_4_2_row8_length_above_U64_MAX_less_a_page_is_EINVAL),
		CASE(ioas, s10_4_2_row8_the_alignment_holds_for_length_iova_and_start),
		CASE(ioas, s10_4_2_row8_fixed_iova_rows_are_those_of_map),
		CASE(attached, s10_4_2_row8_bad_files_are_undone_with_a_page_table),
		CASE(attached, s10_4_2_only_memory_files_can_be_pinned),
		CASE(ioas, s10_4_2_any_descriptor_maps_without_a_page_table),
		CASE(bound, s10_4_2_what_cannot_be_pinned_is_found_by_attaching),
		CASE(attached, s10_4_2_pages_must_be_entirely_inside_the_file),
		CASE(attached, s10_4_2_a_first_byte_from_2_63_on_is_EINVAL),
		CASE(attached, s10_4_2_the_open_mode_is_never_examined),
		CASE(bound, s10_4_2_the_descriptor_may_be_closed_afterwards),
		CASE(ioas, s10_4_2_start_need_not_be_aligned),
		CASE(ioas, s10_4_2_start_is_the_hint_of_an_automatic_iova),
		CASE(ioas, s10_4_2_file_areas_are_copied_and_unmapped_like_others),
	};

	return cmocka_run_group_tests_name("10-ioas 4.2: IOMMU_IOAS_MAP_FILE", tests, NULL, NULL);
}
