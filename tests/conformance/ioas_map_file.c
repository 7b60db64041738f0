/* SPDX-License-Identifier: MIT */
/* IOMMU_IOAS_MAP_FILE [IOAS-MAP-FILE]. Rows about dma-bufs need an exporter: mock_dmabuf.c. */
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

static void map_file_with_unknown_flags_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	for (unsigned int bit = 3; bit < 32; bit++) {
		map.flags = RW | FIXED | 1u << bit;
		expect_map(EOPNOTSUPP, t, &map);
	}
}

static void map_file_with_iova_or_length_of_U64_MAX_is_EOVERFLOW(void **state)
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

static void map_file_that_is_neither_readable_nor_writeable_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.flags = FIXED;
	expect_map(EINVAL, t, &map);
}

static void map_file_in_no_ioas_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.ioas_id = t->ioas + 1;
	expect_map(ENOENT, t, &map);
}

static void map_file_of_length_0_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.length = 0;
	expect_map(EINVAL, t, &map);
	map.fd = -1;
	map.start = UINT64_MAX;
	expect_map(EINVAL, t, &map);
}

static void map_file_of_a_range_that_wraps_is_EOVERFLOW(void **state)
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

static void map_file_of_no_descriptor_is_EBADF(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	close(map.fd);
	expect_map(EBADF, t, &map);
	map.fd = -1;
	expect_map(EBADF, t, &map);
	map.fd = INT32_MAX;
	expect_map(EBADF, t, &map);
	map.length = UINT64_MAX - 1; /* [IOAS-MAP-FILE.8] */
	expect_map(EBADF, t, &map);
}

static void map_file_of_an_O_PATH_descriptor_is_EBADF(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", map.fd);
	map.fd = close_later(open(path, O_PATH | O_CLOEXEC));
	expect_true(map.fd >= 0);
	expect_map(EBADF, t, &map);
}

static void map_file_of_a_length_above_U64_MAX_less_a_page_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.iova = 0;
	map.length = UINT64_MAX - PAGE + 1;
	expect_map(EINVAL, t, &map);
}

static void map_file_aligns_length_iova_and_start(void **state)
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

static void map_file_checks_a_fixed_iova_as_map_does(void **state)
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

static void map_file_of_a_bad_file_is_undone_with_a_page_table(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.length = 5 * PAGE;
	expect_map(EINVAL, t, &map);
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
	map.length = 4 * PAGE;
	expect_map(0, t, &map);
}

static void only_memory_files_can_be_pinned(void **state)
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

static void map_file_takes_any_descriptor_without_a_page_table(void **state)
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

static void files_that_cannot_be_pinned_are_found_by_attaching(void **state)
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

static void pinned_pages_must_be_entirely_inside_the_file(void **state)
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

static void pinning_a_file_from_2_to_the_63_on_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.start = UINT64_C(1) << 63;
	expect_map(EINVAL, t, &map);
}

static void map_file_never_examines_the_open_mode(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", map.fd);
	map.fd = close_later(open(path, O_RDONLY | O_CLOEXEC));
	expect_true(map.fd >= 0);
	expect_map(0, t, &map);
}

/* Linux holds the file, not a descriptor: the number that the next open() gets stays the same. */
static void map_file_takes_no_descriptor_number(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);
	char path[64];
	int next;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", map.fd);
	next = dup(map.fd);
	close(next);
	expect_map(0, t, &map);
	expect_equal(close_later(dup(map.fd)), next);

	map.fd = close_later(open(path, O_RDONLY | O_CLOEXEC));
	expect_true(map.fd >= 0);
	map.iova += PAGE;
	next = dup(map.fd);
	close(next);
	expect_map(0, t, &map);
	expect_equal(close_later(dup(map.fd)), next);
}

static void map_file_outlives_the_descriptor(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	expect_map(0, t, &map);
	close(map.fd);
	attach_device(t->device, t->ioas);
}

static void map_file_needs_no_aligned_start(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_map_file map = good(t);

	map.start = 3;
	map.length = 5;
	expect_map(0, t, &map);
}

static void map_file_takes_start_as_hint_of_an_automatic_iova(void **state)
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

static void file_areas_are_copied_and_unmapped_like_others(void **state)
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
		CASE(ioas, map_file_with_unknown_flags_is_EOPNOTSUPP, "IOAS-MAP-FILE.1"),
		CASE(ioas, map_file_with_iova_or_length_of_U64_MAX_is_EOVERFLOW, "IOAS-MAP-FILE.2"),
		CASE(ioas, map_file_that_is_neither_readable_nor_writeable_is_EINVAL,
		     "IOAS-MAP-FILE.3"),
		CASE(ioas, map_file_in_no_ioas_is_ENOENT, "IOAS-MAP-FILE.4"),
		CASE(ioas, map_file_of_length_0_is_EINVAL, "IOAS-MAP-FILE.5"),
		CASE(ioas, map_file_of_a_range_that_wraps_is_EOVERFLOW, "IOAS-MAP-FILE.6"),
		CASE(ioas, map_file_of_no_descriptor_is_EBADF, "IOAS-MAP-FILE.7d"),
		CASE(ioas, map_file_of_an_O_PATH_descriptor_is_EBADF, "IOAS-MAP-FILE.7d"),
		CASE(ioas, map_file_of_a_length_above_U64_MAX_less_a_page_is_EINVAL,
		     "IOAS-MAP-FILE.8"),
		CASE(ioas, map_file_aligns_length_iova_and_start, "IOAS-MAP-FILE.8"),
		CASE(ioas, map_file_checks_a_fixed_iova_as_map_does, "IOAS-MAP-FILE.8"),
		CASE(attached, map_file_of_a_bad_file_is_undone_with_a_page_table,
		     "IOAS-MAP-FILE.8"),
		CASE(attached, only_memory_files_can_be_pinned, "IOAS-MAP-FILE, IOAS-PIN-ERRORS.7"),
		CASE(ioas, map_file_takes_any_descriptor_without_a_page_table, "IOAS-MAP-FILE"),
		CASE(bound, files_that_cannot_be_pinned_are_found_by_attaching, "IOAS-MAP-FILE"),
		CASE(attached, pinned_pages_must_be_entirely_inside_the_file,
		     "IOAS-MAP-FILE, IOAS-PIN-ERRORS.7"),
		CASE(attached, pinning_a_file_from_2_to_the_63_on_is_EINVAL,
		     "IOAS-MAP-FILE, IOAS-PIN-ERRORS.7"),
		CASE(attached, map_file_never_examines_the_open_mode, "IOAS-MAP-FILE"),
		CASE(ioas, map_file_takes_no_descriptor_number, "IOAS-MAP-FILE"),
		CASE(bound, map_file_outlives_the_descriptor, "IOAS-MAP-FILE"),
		CASE(ioas, map_file_needs_no_aligned_start, "IOAS-MAP-FILE"),
		CASE(ioas, map_file_takes_start_as_hint_of_an_automatic_iova, "IOAS-MAP-FILE"),
		CASE(ioas, file_areas_are_copied_and_unmapped_like_others, "IOAS-MAP-FILE"),
	};

	return cmocka_run_group_tests_name("IOMMU_IOAS_MAP_FILE", tests, NULL, NULL);
}
