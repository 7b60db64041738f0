/* SPDX-License-Identifier: MIT */
/* dma-bufs and their revocation [TEST-DMABUF], [IOAS-MAP-FILE.7a..7c], [DMABUF]. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mock.h"

static int dmabuf_get(int iommu, uint32_t length)
{
	return close_later(expect_ok(
		iommu, IOMMU_TEST_CMD,
		TEST_CMD(DMABUF_GET, 0,
			 .dmabuf_get = {.length = length, .open_flags = O_RDWR | O_CLOEXEC})));
}

#define revoke(iommu, of, on) \
	test_ok(iommu, DMABUF_REVOKE, 0, .dmabuf_revoke = {.dmabuf_fd = of, .revoked = on})

static struct iommu_ioas_map_file *map_cmd(const struct fixture *t, int fd, uint64_t start,
					   uint64_t length, uint64_t iova)
{
	static struct iommu_ioas_map_file cmd;

	cmd = (struct iommu_ioas_map_file){.size = sizeof(cmd),
					   .flags = RW | FIXED,
					   .ioas_id = t->ioas,
					   .fd = fd,
					   .start = start,
					   .length = length,
					   .iova = iova};
	return &cmd;
}

#define map_errno(error, fd, from, bytes) \
	expect_errno(error, t->iommu, IOMMU_IOAS_MAP_FILE, map_cmd(t, fd, from, bytes, IOVA))
#define map_ok(fd, from, bytes, at) \
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE, map_cmd(t, fd, from, bytes, at))

static void dmabuf_get_checks_the_length(void **state)
{
	struct fixture *t = fixture(state);

	test_errno(EINVAL, t->iommu, DMABUF_GET, 0, .dmabuf_get = {.length = 0});
	test_errno(EINVAL, t->iommu, DMABUF_GET, 0, .dmabuf_get = {.length = 512 * PAGE + 1});
	dmabuf_get(t->iommu, 1);
	dmabuf_get(t->iommu, 512 * PAGE);
}

static void dmabuf_get_checks_the_open_flags(void **state)
{
	struct fixture *t = fixture(state);
	int fd;

	test_errno(EINVAL, t->iommu, DMABUF_GET, 0,
		   .dmabuf_get = {.length = PAGE, .open_flags = 1u << 31});
	fd = dmabuf_get(t->iommu, PAGE);
	expect_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	fd = expect_ok(t->iommu, IOMMU_TEST_CMD,
		       TEST_CMD(DMABUF_GET, 0, .dmabuf_get = {.length = PAGE}));
	expect_equal(fcntl(fd, F_GETFD), 0);
	close(fd);
}

static void dmabuf_get_writes_nothing(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_test_cmd *cmd = TEST_CMD(DMABUF_GET, 0, .dmabuf_get = {.length = PAGE});

	close_later(expect_ok(t->iommu, IOMMU_TEST_CMD, read_only(cmd, sizeof(*cmd))));
}

static void dmabuf_get_without_a_free_descriptor_is_EMFILE(void **state)
{
	struct fixture *t = fixture(state);
	struct rlimit limit, none;
	int result;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	result = do_ioctl(t->iommu, IOMMU_TEST_CMD,
			  TEST_CMD(DMABUF_GET, 0, .dmabuf_get = {.length = PAGE}));
	setrlimit(RLIMIT_NOFILE, &limit);
	expect_equal(-result, EMFILE);
}

static void dmabuf_revoke_needs_a_dmabuf(void **state)
{
	struct fixture *t = fixture(state);

	test_errno(EBADF, t->iommu, DMABUF_REVOKE, 0, .dmabuf_revoke = {.dmabuf_fd = 12345});
	test_errno(EBADF, t->iommu, DMABUF_REVOKE, 0, .dmabuf_revoke = {.dmabuf_fd = -1});
	test_errno(EINVAL, t->iommu, DMABUF_REVOKE, 0,
		   .dmabuf_revoke = {.dmabuf_fd = mem_file(PAGE)});
	test_errno(EINVAL, t->iommu, DMABUF_REVOKE, 0, .dmabuf_revoke = {.dmabuf_fd = t->iommu});
}

static void map_file_of_a_range_outside_the_dmabuf_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	int fd = dmabuf_get(t->iommu, 2 * PAGE);

	map_errno(EINVAL, fd, 0, 3 * PAGE);
	map_errno(EINVAL, fd, PAGE, 2 * PAGE);
	map_errno(EINVAL, fd, 2 * PAGE, PAGE);
	map_errno(EOVERFLOW, fd, PAGE, -PAGE + 1);
	map_ok(fd, 0, 2 * PAGE, IOVA);
	map_ok(fd, PAGE, PAGE, IOVA + 2 * PAGE);
}

static void accesses_to_a_dmabuf_are_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	int fd = dmabuf_get(t->iommu, 2 * PAGE);
	int access = mock_access(t->iommu, t->ioas, MOCK_ACCESS_NEEDS_PIN_PAGES);
	char *memory = mem_pages(2 * PAGE);

	map_ok(fd, 0, 2 * PAGE, IOVA);
	test_errno(EINVAL, t->iommu, ACCESS_PAGES, access,
		   .access_pages = {.iova = IOVA, .length = PAGE});
	test_errno(EINVAL, t->iommu, ACCESS_RW, access,
		   .access_rw = {.iova = IOVA, .length = 1, .uptr = (uintptr_t)memory});
	test_errno(EINVAL, t->iommu, MD_CHECK_MAP, t->hwpt,
		   .md_check_map = {.iova = IOVA, .length = PAGE, .uptr = (uintptr_t)memory});
	unmap(t->iommu, t->ioas, IOVA, 2 * PAGE);
}

static void a_dmabuf_outlives_its_descriptor(void **state)
{
	struct fixture *t = fixture(state);
	int fd = dmabuf_get(t->iommu, PAGE);

	map_ok(fd, 0, PAGE, IOVA);
	close(fd);
	expect_ok(t->iommu, IOMMU_IOAS_COPY,
		  CMD(iommu_ioas_copy, .flags = RW | FIXED, .dst_ioas_id = t->ioas,
		      .src_ioas_id = t->ioas, .length = PAGE, .dst_iova = 2 * IOVA,
		      .src_iova = IOVA));
	unmap(t->iommu, t->ioas, IOVA, PAGE);
	unmap(t->iommu, t->ioas, 2 * IOVA, PAGE);
}

static void a_revoked_dmabuf_cannot_be_mapped(void **state)
{
	struct fixture *t = fixture(state);
	int fd = dmabuf_get(t->iommu, PAGE);

	revoke(t->iommu, fd, 1);
	map_errno(ENODEV, fd, 0, PAGE);
	/* Its size comes first. */
	map_errno(EINVAL, fd, 0, 2 * PAGE);
	revoke(t->iommu, fd, 0);
	map_ok(fd, 0, PAGE, IOVA);
}

static void a_revoked_area_stays_until_it_is_unmapped(void **state)
{
	struct fixture *t = fixture(state);
	int fd = dmabuf_get(t->iommu, 4 * PAGE);

	map_ok(fd, 0, 4 * PAGE, IOVA);
	map_ok(fd, 0, PAGE, 2 * IOVA);
	revoke(t->iommu, fd, 1);
	expect_errno(EEXIST, t->iommu, IOMMU_IOAS_MAP,
		     CMD(iommu_ioas_map, .flags = RW | FIXED, .ioas_id = t->ioas, .iova = IOVA,
			 .user_va = (uintptr_t)mem_pages(PAGE), .length = PAGE));
	expect_ok(t->iommu, IOMMU_IOAS_COPY,
		  CMD(iommu_ioas_copy, .flags = RW | FIXED, .dst_ioas_id = t->ioas,
		      .src_ioas_id = t->ioas, .length = PAGE, .dst_iova = 3 * IOVA,
		      .src_iova = IOVA));
	mock_hwpt(t->iommu, mock.idev, t->ioas, 0, 0);
	unmap(t->iommu, t->ioas, 3 * IOVA, PAGE);
	revoke(t->iommu, fd, 0);
	unmap(t->iommu, t->ioas, 2 * IOVA, PAGE);
	unmap(t->iommu, t->ioas, IOVA, 4 * PAGE);
}

/* What is dirty shows what is in the table. */
static uint64_t leaves(int iommu, uint32_t hwpt)
{
	uint64_t all = 0xff, bits = 0;

	expect_ok(iommu, IOMMU_HWPT_SET_DIRTY_TRACKING,
		  CMD(iommu_hwpt_set_dirty_tracking, .hwpt_id = hwpt,
		      .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	test_ok(iommu, DIRTY, hwpt,
		.dirty = {.iova = IOVA,
			  .length = 8 * PAGE,
			  .page_size = PAGE,
			  .uptr = (uintptr_t)&all});
	expect_ok(iommu, IOMMU_HWPT_GET_DIRTY_BITMAP,
		  CMD(iommu_hwpt_get_dirty_bitmap, .hwpt_id = hwpt, .iova = IOVA,
		      .length = 8 * PAGE, .page_size = PAGE, .data = (uintptr_t)&bits));
	return bits;
}

static void revocation_removes_a_dmabuf_from_the_hwpts_for_good(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0);
	int fd = dmabuf_get(t->iommu, 4 * PAGE);

	map_ok(fd, 0, 4 * PAGE, IOVA);
	map_at(t->iommu, t->ioas, RW, IOVA + 4 * PAGE, mem_pages(4 * PAGE), 4 * PAGE);
	expect_equal(leaves(t->iommu, hwpt), 0xff);
	revoke(t->iommu, fd, 1);
	expect_equal(leaves(t->iommu, hwpt), 0xf0);
	revoke(t->iommu, fd, 0);
	expect_equal(leaves(t->iommu, hwpt), 0xf0);
	/* Also to tables that come later. */
	hwpt = mock_hwpt(t->iommu, mock.idev, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0);
	expect_equal(leaves(t->iommu, hwpt), 0xf0);
	unmap(t->iommu, t->ioas, IOVA, 4 * PAGE);
	map_ok(fd, 0, 4 * PAGE, IOVA);
	expect_equal(leaves(t->iommu, hwpt), 0xff);
	/* The end of a revocation parts what is mapped as its beginning does. */
	revoke(t->iommu, fd, 0);
	expect_equal(leaves(t->iommu, hwpt), 0xf0);
}

int mock_dmabuf(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, dmabuf_get_checks_the_length, "TEST-DMABUF"),
		CASE(context, dmabuf_get_checks_the_open_flags, "TEST-DMABUF"),
		CASE(context, dmabuf_get_writes_nothing, "TEST-DMABUF"),
		CASE(context, dmabuf_get_without_a_free_descriptor_is_EMFILE, "TEST-DMABUF"),
		CASE(context, dmabuf_revoke_needs_a_dmabuf, "TEST-DMABUF"),
		CASE(mock, map_file_of_a_range_outside_the_dmabuf_is_EINVAL, "IOAS-MAP-FILE.7a"),
		CASE(mock, accesses_to_a_dmabuf_are_EINVAL, "DMABUF, ACCESS-RW.7, ACCESS-PIN.3"),
		CASE(mock, a_dmabuf_outlives_its_descriptor, "DMABUF"),
		CASE(mock, a_revoked_dmabuf_cannot_be_mapped, "DMABUF, IOAS-MAP-FILE.7c"),
		CASE(mock, a_revoked_area_stays_until_it_is_unmapped, "DMABUF"),
		CASE(mock, revocation_removes_a_dmabuf_from_the_hwpts_for_good, "DMABUF"),
	};

	return cmocka_run_group_tests_name("dma-bufs", tests, NULL, NULL);
}
