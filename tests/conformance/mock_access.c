/* SPDX-License-Identifier: MIT */
/* Accesses [TEST-ACCESS], [ACCESS-RW], [ACCESS-PIN], [ACCESS-ATTACH]. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mock.h"

/* A pinning access of the IOAS, and 16 pages mapped at IOVA. */
static int access_fd;
static char *memory;

enum {
	PAGES = 16
};

/* access: no device; pinned: a mock device, too. */
static int prepare(struct fixture *t)
{
	access_fd = mock_access(t->iommu, t->ioas, MOCK_ACCESS_NEEDS_PIN_PAGES);
	memory = mem_pages(PAGES * PAGE);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGES * PAGE);
	return 0;
}

static int setup_access(void **state)
{
	return setup_ioas(state) ? -1 : prepare(*state);
}

static int setup_pinned(void **state)
{
	return setup_mock(state) ? -1 : prepare(*state);
}

/* ---- CREATE_ACCESS ---- */

static void create_access_checks_its_arguments(void **state)
{
	struct fixture *t = fixture(state);

	test_errno(EOPNOTSUPP, t->iommu, CREATE_ACCESS, 99, .create_access.flags = 2);
	test_errno(ENOENT, t->iommu, CREATE_ACCESS, 99);
	expect_equal(new_ioas(t->iommu), 2);
}

static void create_access_returns_a_close_on_exec_descriptor(void **state)
{
	struct fixture *t = fixture(state);
	int fd = mock_access(t->iommu, t->ioas, 0);

	expect_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void a_pinning_access_raises_the_alignment(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_iova_range range;
	uint64_t alignment;
	int fd;

	close(mock_access(t->iommu, t->ioas, 0));
	mock_access(t->iommu, t->ioas, 0);
	iova_ranges(t->iommu, t->ioas, &range, 1, &alignment);
	expect_equal(alignment, 1);
	fd = mock_access(t->iommu, t->ioas, MOCK_ACCESS_NEEDS_PIN_PAGES);
	iova_ranges(t->iommu, t->ioas, &range, 1, &alignment);
	expect_equal(alignment, PAGE);
	close(fd);
	iova_ranges(t->iommu, t->ioas, &range, 1, &alignment);
	expect_equal(alignment, 1);
}

static void create_access_on_unaligned_areas_is_EADDRINUSE(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), 16);
	test_errno(EADDRINUSE, t->iommu, CREATE_ACCESS, t->ioas,
		   .create_access.flags = MOCK_ACCESS_NEEDS_PIN_PAGES);
	mock_access(t->iommu, t->ioas, 0);
	unmap(t->iommu, t->ioas, IOVA, 16);
}

static void create_access_with_a_failed_copy_out_undoes_all(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_test_cmd *cmd = TEST_CMD(CREATE_ACCESS, t->ioas);
	int before = dup(0);

	close(before);
	expect_errno(EFAULT, t->iommu, IOMMU_TEST_CMD, read_only(cmd, sizeof(*cmd)));
	expect_equal(dup(0), before);
	close(before);
	destroy(t->iommu, t->ioas);
}

static void create_access_without_a_free_descriptor_is_ENOMEM(void **state)
{
	struct fixture *t = fixture(state);
	struct rlimit limit, none;
	int result;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	result = do_ioctl(t->iommu, IOMMU_TEST_CMD, TEST_CMD(CREATE_ACCESS, t->ioas));
	setrlimit(RLIMIT_NOFILE, &limit);
	expect_equal(-result, ENOMEM);
	destroy(t->iommu, t->ioas);
}

static void the_descriptor_of_an_access_holds_ioas_and_context(void **state)
{
	struct fixture *t = fixture(state);
	int iommu = open("/dev/iommu", O_RDWR);
	uint32_t ioas = new_ioas(iommu);
	char *pages = mem_pages(PAGE);
	int fd = mock_access(iommu, ioas, MOCK_ACCESS_NEEDS_PIN_PAGES);

	expect_errno(EBUSY, iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = ioas));
	map_at(iommu, ioas, RW, IOVA, pages, PAGE);
	access_pin(iommu, fd, IOVA, PAGE, 0);
	close(iommu);
	check_refs(t->iommu, pages, PAGE, 1);
	close(fd);
	check_refs(t->iommu, pages, PAGE, 0);
}

static void closing_the_descriptor_of_an_access_drops_its_pins(void **state)
{
	struct fixture *t = fixture(state);

	access_pin(t->iommu, access_fd, IOVA, 2 * PAGE, 0);
	access_pin(t->iommu, access_fd, IOVA + PAGE, 2 * PAGE, 0);
	close(access_fd);
	check_refs(t->iommu, memory, PAGES * PAGE, 0);
	destroy(t->iommu, t->ioas);
}

static void access_operations_need_the_descriptor_of_an_access(void **state)
{
	struct fixture *t = fixture(state);
	const int fds[] = {12345, t->iommu, mem_file(PAGE), -1};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		test_errno(EBADFD, t->iommu, ACCESS_PAGES, fds[i], .access_pages.length = PAGE);
		test_errno(EBADFD, t->iommu, DESTROY_ACCESS_PAGES, fds[i]);
		test_errno(EBADFD, t->iommu, ACCESS_RW, fds[i], .access_rw.length = 1);
		test_errno(EBADFD, t->iommu, ACCESS_REPLACE_IOAS, fds[i],
			   .access_replace_ioas.ioas_id = t->ioas);
	}
}

/* ---- ACCESS_PAGES ---- */

#define pin_errno(error, ...) \
	test_errno(error, t->iommu, ACCESS_PAGES, access_fd, .access_pages = {__VA_ARGS__})

static void pins_are_numbered_per_access(void **state)
{
	struct fixture *t = fixture(state);
	int other = mock_access(t->iommu, t->ioas, MOCK_ACCESS_NEEDS_PIN_PAGES);

	expect_equal(access_pin(t->iommu, access_fd, IOVA, PAGE, 0), 0);
	expect_equal(access_pin(t->iommu, access_fd, IOVA, PAGE, MOCK_ACCESS_WRITE), 1);
	expect_equal(access_pin(t->iommu, other, IOVA, PAGE, 0), 0);
	expect_equal(access_pin(t->iommu, access_fd, IOVA, PAGE, 0), 2);
}

static void pins_hold_the_pages_once_for_the_source(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t first = access_pin(t->iommu, access_fd, IOVA, 2 * PAGE, 0);
	uint32_t second = access_pin(t->iommu, access_fd, IOVA + PAGE, 2 * PAGE, 0);

	check_refs(t->iommu, memory, 3 * PAGE, 1);
	check_refs(t->iommu, memory + 3 * PAGE, PAGE, 0);
	test_ok(t->iommu, DESTROY_ACCESS_PAGES, access_fd,
		.destroy_access_pages.access_pages_id = first);
	check_refs(t->iommu, memory, PAGE, 0);
	check_refs(t->iommu, memory + PAGE, 2 * PAGE, 1);
	test_ok(t->iommu, DESTROY_ACCESS_PAGES, access_fd,
		.destroy_access_pages.access_pages_id = second);
	check_refs(t->iommu, memory, PAGES * PAGE, 0);
}

static void destroy_of_an_unknown_pin_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t id = access_pin(t->iommu, access_fd, IOVA, PAGE, 0);

	test_errno(ENOENT, t->iommu, DESTROY_ACCESS_PAGES, access_fd,
		   .destroy_access_pages.access_pages_id = id + 1);
	test_ok(t->iommu, DESTROY_ACCESS_PAGES, access_fd,
		.destroy_access_pages.access_pages_id = id);
	test_errno(ENOENT, t->iommu, DESTROY_ACCESS_PAGES, access_fd,
		   .destroy_access_pages.access_pages_id = id);
}

static void access_pages_checks_in_order(void **state)
{
	struct fixture *t = fixture(state);
	int plain = mock_access(t->iommu, t->ioas, 0);

	test_errno(ENOMEM, t->iommu, ACCESS_PAGES, 12345,
		   .access_pages = {.flags = 2, .length = 16 * MIB + 1});
	test_errno(EOPNOTSUPP, t->iommu, ACCESS_PAGES, 12345,
		   .access_pages = {.flags = 2, .length = PAGE});
	test_errno(EOPNOTSUPP, t->iommu, ACCESS_PAGES, plain,
		   .access_pages = {.iova = IOVA, .length = PAGE});
}

static void pins_check_their_range(void **state)
{
	struct fixture *t = fixture(state);

	pin_errno(EINVAL, .iova = IOVA);
	pin_errno(EOVERFLOW, .iova = UINT64_MAX, .length = 2);
	pin_errno(ENOENT, .iova = IOVA - PAGE, .length = PAGE);
	pin_errno(ENOENT, .iova = IOVA - PAGE, .length = 2 * PAGE);
	pin_errno(ENOENT, .iova = IOVA + (PAGES - 1) * PAGE, .length = 2 * PAGE);
	pin_errno(EINVAL, .iova = IOVA + 1, .length = PAGE);
	/* The last page may be partial. */
	access_pin(t->iommu, access_fd, IOVA, PAGE + 1, 0);
	check_refs(t->iommu, memory, 2 * PAGE, 1);
	check_refs(t->iommu, memory + 2 * PAGE, (PAGES - 2) * PAGE, 0);
}

static void pins_span_areas(void **state)
{
	struct fixture *t = fixture(state);
	char *more = mem_pages(2 * PAGE);

	map_at(t->iommu, t->ioas, RW, IOVA + PAGES * PAGE, more, 2 * PAGE);
	access_pin(t->iommu, access_fd, IOVA + (PAGES - 1) * PAGE, 2 * PAGE, 0);
	check_refs(t->iommu, memory + (PAGES - 1) * PAGE, PAGE, 1);
	check_refs(t->iommu, more, PAGE, 1);
	check_refs(t->iommu, more + PAGE, PAGE, 0);
}

static void pins_need_the_rights_of_the_area(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t read_only_iova = 2 * IOVA, write_only = 3 * IOVA;

	map_at(t->iommu, t->ioas, READ, read_only_iova, memory, PAGE);
	map_at(t->iommu, t->ioas, WRITE, write_only, memory, PAGE);
	pin_errno(EPERM, .flags = MOCK_ACCESS_WRITE, .iova = read_only_iova, .length = PAGE);
	access_pin(t->iommu, access_fd, read_only_iova, PAGE, 0);
	pin_errno(EPERM, .iova = write_only, .length = PAGE);
	access_pin(t->iommu, access_fd, write_only, PAGE, MOCK_ACCESS_WRITE);
}

static void a_pin_is_all_or_nothing(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, READ, IOVA + PAGES * PAGE, mem_pages(PAGE), PAGE);
	pin_errno(EPERM, .flags = MOCK_ACCESS_WRITE, .iova = IOVA, .length = (PAGES + 1) * PAGE);
	pin_errno(ENOENT, .iova = IOVA, .length = (PAGES + 2) * PAGE);
	check_refs(t->iommu, memory, PAGES * PAGE, 0);
}

static void pins_of_bad_memory_are_EFAULT(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, 2 * IOVA, mem_of_kind(PAGE, MEM_RO), PAGE);
	map_at(t->iommu, t->ioas, READ, 3 * IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	/* Write pins or not: the source is writable. */
	pin_errno(EFAULT, .iova = 2 * IOVA, .length = PAGE);
	pin_errno(EFAULT, .iova = 3 * IOVA, .length = PAGE);
}

static void pins_are_compared_with_the_pages_of_the_caller(void **state)
{
	struct fixture *t = fixture(state);

	test_ok(t->iommu, ACCESS_PAGES, access_fd,
		.access_pages = {
			.iova = IOVA + PAGE, .length = 2 * PAGE, .uptr = (uintptr_t)memory + PAGE});
	/* Rounded down. */
	test_ok(t->iommu, ACCESS_PAGES, access_fd,
		.access_pages = {.iova = IOVA + PAGE,
				 .length = 2 * PAGE,
				 .uptr = (uintptr_t)memory + PAGE + 5});
	pin_errno(EBADE, .iova = IOVA, .length = PAGE, .uptr = (uintptr_t)memory + PAGE);
	pin_errno(EFAULT, .iova = IOVA, .length = PAGE,
		  .uptr = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE));
	check_refs(t->iommu, memory, PAGE, 0);
}

static void a_pin_with_a_failed_copy_out_is_undone(void **state)
{
	struct fixture *t = fixture(state);
	const struct iommu_test_cmd *cmd =
		TEST_CMD(ACCESS_PAGES, access_fd, .access_pages = {.iova = IOVA, .length = PAGE});

	expect_errno(EFAULT, t->iommu, IOMMU_TEST_CMD, read_only(cmd, sizeof(*cmd)));
	check_refs(t->iommu, memory, PAGE, 0);
	unmap(t->iommu, t->ioas, IOVA, PAGES * PAGE);
}

static void the_syz_flag_counts_from_the_start_of_an_area(void **state)
{
	struct fixture *t = fixture(state);
	char *more = mem_pages(2 * PAGE);

	map_at(t->iommu, t->ioas, RW, 2 * IOVA, more, 2 * PAGE);
	test_ok(t->iommu, ACCESS_PAGES, access_fd,
		.access_pages = {.flags = MOCK_ACCESS_SYZ,
				 .iova = (PAGE << 32) | 1,
				 .length = PAGE,
				 .uptr = (uintptr_t)more + PAGE});
	pin_errno(ENOENT, .flags = MOCK_ACCESS_SYZ, .iova = 2, .length = PAGE);
}

static void pins_keep_the_frame(void **state)
{
	struct fixture *t = fixture(state);
	char byte = 0;

	memory[0] = 'a';
	access_pin(t->iommu, access_fd, IOVA, PAGE, 0);
	expect_true(mmap(memory, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	memory[0] = 'b';
	mock = add_mock(t->iommu, t->ioas, 0);
	test_errno(EINVAL, t->iommu, MD_CHECK_MAP, mock.hwpt,
		   .md_check_map = {.iova = IOVA, .length = PAGE, .uptr = (uintptr_t)memory});
	/* The plain copy sees what is there now. */
	test_ok(t->iommu, ACCESS_RW, access_fd,
		.access_rw = {.iova = IOVA, .length = 1, .uptr = (uintptr_t)&byte});
	expect_equal(byte, 'b');
}

/* ---- UNMAP ---- */

static void unmap_makes_accesses_drop_their_pins(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t kept;

	map_at(t->iommu, t->ioas, RW, 2 * IOVA, memory, PAGE);
	access_pin(t->iommu, access_fd, IOVA, PAGE, 0);
	access_pin(t->iommu, access_fd, IOVA + 3 * PAGE, 4 * PAGE, MOCK_ACCESS_WRITE);
	kept = access_pin(t->iommu, access_fd, 2 * IOVA, PAGE, 0);
	unmap(t->iommu, t->ioas, IOVA, PAGES * PAGE);
	check_refs(t->iommu, memory, PAGE, 1);
	check_refs(t->iommu, memory + PAGE, (PAGES - 1) * PAGE, 0);
	test_ok(t->iommu, DESTROY_ACCESS_PAGES, access_fd,
		.destroy_access_pages.access_pages_id = kept);
	test_errno(ENOENT, t->iommu, DESTROY_ACCESS_PAGES, access_fd,
		   .destroy_access_pages.access_pages_id = 0);
}

static void pins_outlast_the_hwpts(void **state)
{
	struct fixture *t = fixture(state);

	access_pin(t->iommu, access_fd, IOVA, PAGE, 0);
	check_refs(t->iommu, memory, PAGES * PAGE, 1);
	destroy(t->iommu, mock.stdev);
	check_refs(t->iommu, memory, PAGE, 1);
	check_refs(t->iommu, memory + PAGE, (PAGES - 1) * PAGE, 0);
	mock = add_mock(t->iommu, t->ioas, 0);
	check_map(t->iommu, mock.hwpt, IOVA, memory, PAGES * PAGE);
	check_refs(t->iommu, memory, PAGES * PAGE, 1);
}

/* ---- ACCESS_REPLACE_IOAS ---- */

#define replace_ioas(of) \
	test_ok(t->iommu, ACCESS_REPLACE_IOAS, access_fd, .access_replace_ioas.ioas_id = of)

static void replacing_the_ioas_of_an_access_drops_its_pins(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	access_pin(t->iommu, access_fd, IOVA, PAGE, 0);
	replace_ioas(other);
	check_refs(t->iommu, memory, PAGE, 0);
	destroy(t->iommu, t->ioas);
	expect_errno(EBUSY, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = other));
	pin_errno(ENOENT, .iova = IOVA, .length = PAGE);
	close(access_fd);
	destroy(t->iommu, other);
}

static void replacing_the_ioas_of_an_access_by_the_same_changes_nothing(void **state)
{
	struct fixture *t = fixture(state);

	access_pin(t->iommu, access_fd, IOVA, PAGE, 0);
	replace_ioas(t->ioas);
	check_refs(t->iommu, memory, PAGE, 1);
	close(access_fd);
	destroy(t->iommu, t->ioas);
}

static void a_failed_replace_leaves_an_access_where_it_is(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t unaligned = new_ioas(t->iommu);

	map_at(t->iommu, unaligned, RW, IOVA, memory, 16);
	access_pin(t->iommu, access_fd, IOVA, PAGE, 0);
	test_errno(ENOENT, t->iommu, ACCESS_REPLACE_IOAS, access_fd,
		   .access_replace_ioas.ioas_id = 99);
	test_errno(EADDRINUSE, t->iommu, ACCESS_REPLACE_IOAS, access_fd,
		   .access_replace_ioas.ioas_id = unaligned);
	check_refs(t->iommu, memory, PAGE, 1);
	destroy(t->iommu, unaligned);
}

/* ---- ACCESS_RW ---- */

#define rw_errno(error, ...) \
	test_errno(error, t->iommu, ACCESS_RW, access_fd, .access_rw = {__VA_ARGS__})

static void rw(int iommu, uint32_t flags, uint64_t iova, void *buffer, uint64_t length)
{
	test_ok(iommu, ACCESS_RW, access_fd,
		.access_rw = {
			.iova = iova, .length = length, .uptr = (uintptr_t)buffer, .flags = flags});
}

static void access_rw_copies_both_ways(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t paths[] = {0, MOCK_ACCESS_SLOW_PATH};
	char buffer[PAGE + 10];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		memset(memory, 0, PAGES * PAGE);
		memset(buffer, 'a' + (int)i, sizeof(buffer));
		rw(t->iommu, MOCK_ACCESS_WRITE | paths[i], IOVA + 5, buffer, sizeof(buffer));
		expect_true(!memory[4] && !memcmp(memory + 5, buffer, sizeof(buffer)));
		expect_equal(memory[5 + sizeof(buffer)], 0);
		memset(memory + PAGE - 1, 'x', 2);
		rw(t->iommu, paths[i], IOVA + PAGE - 2, buffer, 4);
		expect_equal(buffer[0], 'a' + (int)i);
		expect_true(buffer[1] == 'x' && buffer[2] == 'x');
	}
	check_refs(t->iommu, memory, PAGES * PAGE, 0);
}

static void access_rw_checks_in_order(void **state)
{
	struct fixture *t = fixture(state);

	test_errno(ENOMEM, t->iommu, ACCESS_RW, 12345,
		   .access_rw = {.flags = 2, .length = 16 * MIB + 1});
	test_errno(EOPNOTSUPP, t->iommu, ACCESS_RW, 12345, .access_rw = {.flags = 2, .length = 1});
}

static void access_rw_checks_its_range(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t buffer = (uintptr_t)mem_pages(4 * PAGE);

	rw_errno(EINVAL, .iova = IOVA, .uptr = buffer);
	rw_errno(EOVERFLOW, .iova = UINT64_MAX, .length = 2, .uptr = buffer);
	rw_errno(ENOENT, .iova = IOVA - 1, .length = 2, .uptr = buffer);
	rw_errno(ENOENT, .iova = IOVA + PAGES * PAGE - 1, .length = 2, .uptr = buffer);
	map_at(t->iommu, t->ioas, READ, 2 * IOVA, memory, PAGE);
	map_at(t->iommu, t->ioas, WRITE, 3 * IOVA, memory, PAGE);
	rw_errno(EPERM, .iova = 2 * IOVA, .length = 1, .uptr = buffer, .flags = MOCK_ACCESS_WRITE);
	rw_errno(EPERM, .iova = 3 * IOVA, .length = 1, .uptr = buffer);
}

static void access_rw_of_bad_memory_is_EFAULT(void **state)
{
	struct fixture *t = fixture(state);
	const uint64_t bad = (uintptr_t)mem_of_kind(PAGE, MEM_HOLE);
	const uint64_t buffer = (uintptr_t)mem_pages(PAGE);

	rw_errno(EFAULT, .iova = IOVA, .length = 1, .uptr = bad);
	rw_errno(EFAULT, .iova = IOVA, .length = 1, .uptr = bad, .flags = MOCK_ACCESS_WRITE);
	map_at(t->iommu, t->ioas, RW, 2 * IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	rw_errno(EFAULT, .iova = 2 * IOVA, .length = 1, .uptr = buffer);
	rw_errno(EFAULT, .iova = 2 * IOVA, .length = 1, .uptr = buffer,
		 .flags = MOCK_ACCESS_SLOW_PATH);
}

static void a_failed_access_read_leaves_the_buffer(void **state)
{
	struct fixture *t = fixture(state);
	char *buffer = mem_pages(PAGE);

	memset(memory, 'm', PAGES * PAGE);
	buffer[0] = 'b';
	rw_errno(ENOENT, .iova = IOVA + PAGES * PAGE - 1, .length = 2, .uptr = (uintptr_t)buffer);
	expect_equal(buffer[0], 'b');
}

static void access_rw_reads_and_writes_the_file(void **state)
{
	struct fixture *t = fixture(state);
	int fd = mem_file(2 * PAGE);
	char *file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char text[] = "through the access";

	expect_true(file != MAP_FAILED);
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .length = 2 * PAGE, .iova = 2 * IOVA));
	rw(t->iommu, MOCK_ACCESS_WRITE, 2 * IOVA + PAGE - 4, text, sizeof(text));
	expect_true(!memcmp(file + PAGE - 4, text, sizeof(text)));
	munmap(file, 2 * PAGE);
}

int mock_access_tests(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, create_access_checks_its_arguments, "TEST-ACCESS"),
		CASE(ioas, create_access_returns_a_close_on_exec_descriptor, "TEST-ACCESS"),
		CASE(ioas, a_pinning_access_raises_the_alignment,
		     "TEST-ACCESS, IOAS-ALIGNMENT.4..5"),
		CASE(ioas, create_access_on_unaligned_areas_is_EADDRINUSE, "TEST-ACCESS"),
		CASE(ioas, create_access_with_a_failed_copy_out_undoes_all, "TEST-ACCESS"),
		CASE(ioas, create_access_without_a_free_descriptor_is_ENOMEM, "TEST-ACCESS"),
		CASE(context, the_descriptor_of_an_access_holds_ioas_and_context,
		     "TEST-ACCESS, OBJECTS.5"),
		CASE(access, closing_the_descriptor_of_an_access_drops_its_pins, "TEST-ACCESS"),
		CASE(ioas, access_operations_need_the_descriptor_of_an_access,
		     "TEST-ACCESS-PAGES.3"),
		CASE(access, pins_are_numbered_per_access, "TEST-ACCESS"),
		CASE(access, pins_hold_the_pages_once_for_the_source, "TEST-ACCESS"),
		CASE(access, destroy_of_an_unknown_pin_is_ENOENT, "TEST-ACCESS"),
		CASE(access, access_pages_checks_in_order,
		     "TEST-ACCESS-PAGES.1..2, TEST-ACCESS-PAGES.4, TEST-CONSTANTS.6"),
		CASE(access, pins_check_their_range,
		     "ACCESS-PIN.1, ACCESS-PIN.5, TEST-ACCESS-PAGES.6"),
		CASE(access, pins_span_areas, "ACCESS-PIN, TEST-ACCESS-PAGES.6"),
		CASE(access, pins_need_the_rights_of_the_area, "ACCESS-PIN.2, TEST-ACCESS-PAGES.6"),
		CASE(access, a_pin_is_all_or_nothing, "ACCESS-PIN.5, TEST-ACCESS-PAGES.6"),
		CASE(access, pins_of_bad_memory_are_EFAULT, "ACCESS-PIN.4, TEST-ACCESS-PAGES.6"),
		CASE(access, pins_are_compared_with_the_pages_of_the_caller, "TEST-ACCESS-PAGES.7"),
		CASE(access, a_pin_with_a_failed_copy_out_is_undone, "TEST-ACCESS-PAGES.8"),
		CASE(access, the_syz_flag_counts_from_the_start_of_an_area,
		     "TEST-ACCESS, TEST-CONSTANTS.6"),
		CASE(access, pins_keep_the_frame, "IOAS-PIN"),
		CASE(access, unmap_makes_accesses_drop_their_pins, "IOAS-UNMAP"),
		CASE(pinned, pins_outlast_the_hwpts, "IOAS-PIN"),
		CASE(access, replacing_the_ioas_of_an_access_drops_its_pins, "ACCESS-ATTACH"),
		CASE(access, replacing_the_ioas_of_an_access_by_the_same_changes_nothing,
		     "ACCESS-ATTACH"),
		CASE(access, a_failed_replace_leaves_an_access_where_it_is, "ACCESS-ATTACH"),
		CASE(access, access_rw_copies_both_ways, "TEST-ACCESS"),
		CASE(access, access_rw_checks_in_order, "TEST-ACCESS"),
		CASE(access, access_rw_checks_its_range,
		     "ACCESS-RW.1..2, ACCESS-RW.5, ACCESS-RW.9"),
		CASE(access, access_rw_of_bad_memory_is_EFAULT, "TEST-ACCESS, ACCESS-RW.8"),
		CASE(access, a_failed_access_read_leaves_the_buffer, "TEST-ACCESS"),
		CASE(access, access_rw_reads_and_writes_the_file, "ACCESS-RW"),
	};

	return cmocka_run_group_tests_name("accesses", tests, NULL, NULL);
}
