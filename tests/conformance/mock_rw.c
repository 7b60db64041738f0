/* SPDX-License-Identifier: MIT */
/* Which memory an access reads and writes [ACCESS-RW]. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock.h"
#include "privilege.h"

enum {
	PAGES = 4
};

static int access_fd;
static char *memory; /* PAGES pages of 'a', mapped at IOVA */

static int setup_rw(void **state)
{
	struct fixture *t;

	if (setup_ioas(state))
		return -1;
	t = *state;
	access_fd = mock_access(t->iommu, t->ioas, MOCK_ACCESS_NEEDS_PIN_PAGES);
	memory = mem_pages(PAGES * PAGE);
	memset(memory, 'a', PAGES * PAGE);
	map_at(t->iommu, t->ioas, RW, IOVA, memory, PAGES * PAGE);
	return 0;
}

/* New memory of @value in the place of the first @pages pages. */
static void replace_memory(int pages, char value)
{
	void *there = mmap(memory, pages * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	expect_true(there == memory);
	memset(memory, value, pages * PAGE);
}

static void rw(const struct fixture *t, uint32_t flags, uint64_t iova, void *buffer,
	       uint64_t length)
{
	test_ok(t->iommu, ACCESS_RW, access_fd,
		.access_rw = {
			.iova = iova, .length = length, .uptr = (uintptr_t)buffer, .flags = flags});
}

#define rw_errno(error, ...) \
	test_errno(error, t->iommu, ACCESS_RW, access_fd, .access_rw = {__VA_ARGS__})

/* The two bytes where the first page ends and the second begins. */
static void expect_border(const struct fixture *t, uint32_t flags, const char *expected)
{
	char bytes[2];

	rw(t, flags, IOVA + PAGE - 1, bytes, 2);
	expect_equal(bytes[0], expected[0]);
	expect_equal(bytes[1], expected[1]);
}

static char read_byte(const struct fixture *t, uint32_t flags, uint64_t iova)
{
	char byte;

	rw(t, flags, iova, &byte, 1);
	return byte;
}

static void a_test_access_is_always_attached(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);
	char byte;

	/* To the one it was moved to, where nothing is mapped. */
	test_ok(t->iommu, ACCESS_REPLACE_IOAS, access_fd, .access_replace_ioas.ioas_id = other);
	rw_errno(ENOENT, .iova = IOVA, .length = 1, .uptr = (uintptr_t)&byte);
}

static void access_rw_of_memory_that_cannot_be_pinned_is_an_error_of_pinning(void **state)
{
	struct fixture *t = fixture(state);
	int fd = mem_file(PAGE);
	char byte = 0;

	/* Behind the end of a file: EINVAL, as for a pin. */
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .length = 2 * PAGE, .iova = 2 * IOVA));
	expect_equal(read_byte(t, 0, 2 * IOVA), 0);
	rw_errno(EINVAL, .iova = 2 * IOVA + PAGE, .length = 1, .uptr = (uintptr_t)&byte);
	map_at(t->iommu, t->ioas, READ, 3 * IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE);
	rw_errno(EFAULT, .iova = 3 * IOVA, .length = 1, .uptr = (uintptr_t)&byte);
}

static void access_rw_writes_what_is_before_a_hole(void **state)
{
	struct fixture *t = fixture(state);
	char *buffer = mem_pages(2 * PAGE);

	memset(buffer, 'w', 2 * PAGE);
	rw_errno(ENOENT, .iova = IOVA + (PAGES - 1) * PAGE + 10, .length = PAGE,
		 .uptr = (uintptr_t)buffer, .flags = MOCK_ACCESS_WRITE);
	expect_equal(memory[(PAGES - 1) * PAGE + 9], 'a');
	expect_equal(memory[(PAGES - 1) * PAGE + 10], 'w');
	expect_equal(memory[PAGES * PAGE - 1], 'w');
}

/*
 * Writes @length of 'w' from the middle of the page at @iova on, of which a later page is bad, and
 * returns whether the first page has got its part.
 */
static bool writes_before(int error, const struct fixture *t, uint32_t flags, uint64_t iova,
			  uint64_t length, char *page)
{
	char *buffer = mem_pages(length);

	memset(page, 'a', PAGE);
	memset(buffer, 'w', length);
	rw_errno(error, .iova = iova + PAGE / 2, .length = length, .uptr = (uintptr_t)buffer,
		 .flags = MOCK_ACCESS_WRITE | flags);
	expect_equal(page[PAGE - 1], page[PAGE / 2]);
	return page[PAGE - 1] == 'w';
}

static void a_direct_access_copy_writes_what_is_before_bad_memory(void **state)
{
	struct fixture *t = fixture(state);

	munmap(memory + 2 * PAGE, PAGE);
	expect_true(writes_before(EFAULT, t, 0, IOVA, 2 * PAGE, memory));
}

static void a_slow_access_copy_of_several_pages_writes_all_or_nothing(void **state)
{
	struct fixture *t = fixture(state);

	munmap(memory + 2 * PAGE, PAGE);
	expect_true(!writes_before(EFAULT, t, MOCK_ACCESS_SLOW_PATH, IOVA, 2 * PAGE, memory));
	access_pin(t->iommu, access_fd, IOVA, PAGE, MOCK_ACCESS_WRITE);
	expect_true(!writes_before(EFAULT, t, MOCK_ACCESS_SLOW_PATH, IOVA, 2 * PAGE, memory));
}

/* In a process that may lock one page: fails over two, though each alone would do. */
static void copy_more_than_can_be_locked(void *arg)
{
	struct fixture t = {0};
	char *pages = mem_pages(2 * PAGE);

	(void)arg;
	t.iommu = open_context();
	t.ioas = new_ioas(t.iommu);
	access_fd = mock_access(t.iommu, t.ioas, 0);
	become_nobody_else();
	limit_locked_pages(1);
	map_at(t.iommu, t.ioas, RW, IOVA, pages, 2 * PAGE);
	expect_true(!writes_before(ENOMEM, &t, MOCK_ACCESS_SLOW_PATH, IOVA, PAGE, pages));
	rw(&t, MOCK_ACCESS_SLOW_PATH, IOVA, mem_pages(PAGE), PAGE);
}

static void an_access_copy_beyond_the_limit_of_locked_memory_is_ENOMEM(void **state)
{
	(void)state;
	run_in_child(copy_more_than_can_be_locked, NULL);
}

static void an_access_copy_of_a_file_writes_nothing_before_its_end(void **state)
{
	struct fixture *t = fixture(state);
	int fd = mem_file(2 * PAGE);
	char *file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	expect_true(file != MAP_FAILED);
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .length = 3 * PAGE, .iova = 2 * IOVA));
	expect_true(!writes_before(EINVAL, t, 0, 2 * IOVA, 2 * PAGE, file));
	access_pin(t->iommu, access_fd, 2 * IOVA, PAGE, MOCK_ACCESS_WRITE);
	expect_true(!writes_before(EINVAL, t, 0, 2 * IOVA, 2 * PAGE, file));
	munmap(file, 2 * PAGE);
}

static void a_direct_access_copy_sees_what_is_mapped_now(void **state)
{
	struct fixture *t = fixture(state);

	access_pin(t->iommu, access_fd, IOVA, 2 * PAGE, 0);
	replace_memory(2, 'b');
	expect_border(t, 0, "bb");
	rw(t, MOCK_ACCESS_WRITE, IOVA, "w", 1);
	expect_equal(memory[0], 'w');
}

static void a_slow_access_copy_in_one_page_sees_what_is_mapped_now(void **state)
{
	struct fixture *t = fixture(state);

	access_pin(t->iommu, access_fd, IOVA, 2 * PAGE, 0);
	replace_memory(2, 'b');
	expect_equal(read_byte(t, MOCK_ACCESS_SLOW_PATH, IOVA + PAGE), 'b');
	rw(t, MOCK_ACCESS_SLOW_PATH | MOCK_ACCESS_WRITE, IOVA, "w", 1);
	expect_equal(memory[0], 'w');
	/* A write needs memory that is writable now. */
	expect_equal(mprotect(memory, PAGE, PROT_READ), 0);
	rw_errno(EFAULT, .iova = IOVA, .length = 1, .uptr = (uintptr_t) "x",
		 .flags = MOCK_ACCESS_SLOW_PATH | MOCK_ACCESS_WRITE);
	expect_equal(read_byte(t, MOCK_ACCESS_SLOW_PATH, IOVA), 'w');
}

static void a_slow_access_copy_of_several_pages_uses_pinned_pages(void **state)
{
	struct fixture *t = fixture(state);

	access_pin(t->iommu, access_fd, IOVA, PAGE, 0);
	replace_memory(2, 'b');
	/* The first page is pinned, the second is found again. */
	expect_border(t, MOCK_ACCESS_SLOW_PATH, "ab");
	check_refs(t->iommu, memory + PAGE, PAGE, 0);
}

static void an_access_copy_of_a_file_uses_pinned_pages(void **state)
{
	struct fixture *t = fixture(state);
	int fd = mem_file(2 * PAGE);
	char bytes[2];

	expect_equal(pwrite(fd, "f", 1, PAGE), 1);
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .length = 2 * PAGE, .iova = 2 * IOVA));
	expect_equal(read_byte(t, 0, 2 * IOVA + PAGE), 'f');
	access_pin(t->iommu, access_fd, 2 * IOVA, PAGE, MOCK_ACCESS_WRITE);
	rw(t, MOCK_ACCESS_WRITE, 2 * IOVA + PAGE - 1, "xy", 2);
	expect_equal(pread(fd, bytes, 2, PAGE - 1), 2);
	expect_true(!memcmp(bytes, "xy", 2));
	/* The page that is not pinned goes with the file. */
	expect_equal(ftruncate(fd, PAGE), 0);
	expect_equal(read_byte(t, 0, 2 * IOVA + PAGE - 1), 'x');
	rw_errno(EINVAL, .iova = 2 * IOVA + PAGE, .length = 1, .uptr = (uintptr_t)mem_pages(PAGE));
}

int mock_rw(void)
{
	const struct CMUnitTest tests[] = {
		CASE(rw, a_test_access_is_always_attached, "ACCESS-RW.3"),
		CASE(rw, access_rw_of_memory_that_cannot_be_pinned_is_an_error_of_pinning,
		     "ACCESS-RW.8"),
		CASE(rw, access_rw_writes_what_is_before_a_hole, "ACCESS-RW.9"),
		CASE(rw, a_direct_access_copy_writes_what_is_before_bad_memory,
		     "ACCESS-RW-PARTIAL.1"),
		CASE(rw, a_slow_access_copy_of_several_pages_writes_all_or_nothing,
		     "ACCESS-RW-PARTIAL.2"),
		CASE(context, an_access_copy_beyond_the_limit_of_locked_memory_is_ENOMEM,
		     "ACCESS-RW.8, ACCESS-RW-PARTIAL.2"),
		CASE(rw, an_access_copy_of_a_file_writes_nothing_before_its_end,
		     "ACCESS-RW-PARTIAL.2"),
		CASE(rw, a_direct_access_copy_sees_what_is_mapped_now, "ACCESS-RW-MEMORY.1"),
		CASE(rw, a_slow_access_copy_in_one_page_sees_what_is_mapped_now,
		     "ACCESS-RW-MEMORY.2"),
		CASE(rw, a_slow_access_copy_of_several_pages_uses_pinned_pages,
		     "ACCESS-RW-MEMORY.3"),
		CASE(rw, an_access_copy_of_a_file_uses_pinned_pages, "ACCESS-RW-MEMORY.4"),
	};

	return cmocka_run_group_tests_name("memory of an access", tests, NULL, NULL);
}
