/* SPDX-License-Identifier: MIT */
/* Frames: which addresses lead to the same memory. */
#include <unistd.h>

#include <uiommufd/caller.h>

#include "kit.h"
#include "mem/frame.h"
#include "mem/source.h"

enum {
	PAGES = 4
};

static char *map(int flags, int fd, uint64_t pages, uint64_t offset)
{
	char *addr = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);

	assert_ptr_not_equal(addr, MAP_FAILED);
	return addr;
}

static struct frame frame_at(const char *addr)
{
	struct frame_cursor cursor = {.mapping.end = 0};

	return frame_of(&cursor, (uintptr_t)addr);
}

static void pages_of_a_file_are_the_same_at_all_addresses(void **state)
{
	int fd = memfd_create("frame", 0);
	char *one, *two;

	(void)state;
	assert_int_equal(ftruncate(fd, PAGES * PAGE), 0);
	one = map(MAP_SHARED, fd, PAGES, 0);
	two = map(MAP_SHARED, fd, 2, 2 * PAGE);
	assert_true(frame_equal(frame_at(one + 2 * PAGE), frame_at(two)));
	assert_true(frame_equal(frame_at(one + 3 * PAGE + 5), frame_at(two + PAGE)));
	assert_false(frame_equal(frame_at(one), frame_at(two)));
	munmap(two, 2 * PAGE);
	munmap(one, PAGES * PAGE);
	close(fd);
}

static void files_and_private_memory_are_apart(void **state)
{
	int a = memfd_create("a", 0), b = memfd_create("b", 0);
	char *one, *two, *private;

	(void)state;
	assert_int_equal(ftruncate(a, PAGE) | ftruncate(b, PAGE), 0);
	one = map(MAP_SHARED, a, 1, 0);
	two = map(MAP_SHARED, b, 1, 0);
	private = map(MAP_PRIVATE, a, 1, 0);
	assert_false(frame_equal(frame_at(one), frame_at(two)));
	assert_false(frame_equal(frame_at(one), frame_at(private)));
	assert_true(frame_equal(frame_at(private), frame_at(private + 100)));
	munmap(one, PAGE);
	munmap(two, PAGE);
	munmap(private, PAGE);
	close(a);
	close(b);
}

static void ordinary_pages_are_no_neighbours(void **state)
{
	struct frame_cursor cursor = {.mapping.end = 0};
	char *memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, PAGES, 0);
	uint64_t addr = (uintptr_t)memory;

	(void)state;
	assert_int_equal(frame_extent(&cursor, addr, PAGES * PAGE), PAGE);
	assert_int_equal(frame_extent(&cursor, addr + 100, PAGES * PAGE), PAGE - 100);
	assert_int_equal(frame_extent(&cursor, addr + 100, 7), 7);
	assert_false(frame_is_huge(&cursor, addr));
	assert_int_equal(frame_span(&cursor, addr + PAGE, 2 * PAGE), 2 * PAGE);
	munmap(memory, PAGES * PAGE);
}

static void what_is_not_mapped_is_a_page_of_its_own(void **state)
{
	struct frame_cursor cursor = {.mapping.end = 0};

	(void)state;
	assert_int_equal(frame_extent(&cursor, 0x1000, 2 * PAGE), PAGE);
	assert_int_equal(frame_span(&cursor, 0x1000, 2 * PAGE), PAGE);
	assert_int_equal(frame_of(&cursor, 0x1000).inode, 0);
}

struct visited {
	uint64_t bytes;
	uint64_t first;
	unsigned int runs;
};

static void visit(uint64_t bus, uint64_t len, void *arg)
{
	struct visited *visited = arg;

	if (!visited->runs++)
		visited->first = bus;
	visited->bytes += len;
}

static void only_what_is_pinned_is_visited(void **state)
{
	char *memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, PAGES, 0);
	const struct mem_pages one = {.first = 0, .count = 1}, last = {.first = 3, .count = 1};
	const struct mem_pages all = {.first = 0, .count = PAGES};
	struct visited visited = {.runs = 0};
	struct mem_source *source;

	(void)state;
	assert_int_equal(mem_source_from_va(uiommufd_caller_self(), (uintptr_t)memory, PAGES * PAGE,
					    true, MEM_ACCOUNT_NONE, &source),
			 0);
	frame_visit_pinned(source, visit, &visited);
	assert_int_equal(visited.runs, 0);
	assert_int_equal(mem_source_pin(source, one), 0);
	assert_int_equal(mem_source_pin(source, last), 0);
	frame_visit_pinned(source, visit, &visited);
	assert_int_equal(visited.bytes, 2 * PAGE);
	assert_int_equal(visited.runs, 2);
	assert_int_equal(visited.first, (uintptr_t)memory);
	assert_int_equal(mem_source_pin(source, all), 0);
	visited = (struct visited){.runs = 0};
	frame_visit_pinned(source, visit, &visited);
	assert_int_equal(visited.bytes, PAGES * PAGE);
	mem_source_unpin(source, all);
	mem_source_unpin(source, one);
	mem_source_unpin(source, last);
	mem_source_put(source);
	munmap(memory, PAGES * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_a_file_are_the_same_at_all_addresses),
		cmocka_unit_test(files_and_private_memory_are_apart),
		cmocka_unit_test(ordinary_pages_are_no_neighbours),
		cmocka_unit_test(what_is_not_mapped_is_a_page_of_its_own),
		cmocka_unit_test(only_what_is_pinned_is_visited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
