/* SPDX-License-Identifier: MIT */
/* Which addresses are mappings of emulated files: pieces, and when the file learns of the end. */
#include "kit.h"
#include "preload/process/defer.h"
#include "preload/process/mapping.h"
#include "preload/start/real.h"

#define BASE UINT64_C(0x10000000)

/* Replaces preload/start/real.c and preload/process/defer.c. */
_Atomic bool real_ready = true;

void preload_init(void)
{
}

bool defer_active(void)
{
	return true;
}

static int closed, released;

static void count_closed(void *cookie)
{
	(void)cookie;
	closed++;
}

static void release(struct uiommufd_file *file)
{
	released++;
	free(file);
}

static const struct file_ops ops = {.name = "mapped", .release = release};

/* @count pages at BASE, of a file that nothing else refers to. */
static void map(uint64_t count)
{
	const struct file_mapping map = {.fd = -1, .closed = count_closed};
	struct uiommufd_file *file = calloc(1, sizeof(*file));

	closed = released = 0;
	file_init(file, &ops, 0);
	assert_int_equal(mapping_add(BASE, count * PAGE,
				     description_create(file, 0, (struct node){0}), &map, true),
			 0);
	assert_true(mapping_any());
}

static void assert_mapped(bool mapped)
{
	mapping_check();
	assert_int_equal(mapping_any(), mapped);
	assert_int_equal(closed, !mapped);
	assert_int_equal(released, !mapped);
}

static void unmap(uint64_t first, uint64_t count)
{
	mapping_remove(BASE + first * PAGE, count * PAGE);
}

static void a_mapping_ends_with_its_unmap(void **state)
{
	(void)state;
	map(4);
	unmap(0, 4);
	assert_mapped(false);
}

static void an_unmap_elsewhere_does_nothing(void **state)
{
	(void)state;
	map(4);
	unmap(4, 10);
	mapping_remove(BASE - 3 * PAGE, 3 * PAGE);
	unmap(2, 0);
	assert_mapped(true);
	unmap(0, 4);
	assert_mapped(false);
}

static void a_mapping_lasts_until_its_last_piece(void **state)
{
	(void)state;
	map(8);
	unmap(3, 2); /* 0-2 and 5-7 */
	assert_mapped(true);
	unmap(0, 1);
	unmap(7, 1);
	unmap(2, 1);
	unmap(5, 1);
	assert_mapped(true); /* 1 and 6 */
	unmap(1, 1);
	assert_mapped(true);
	unmap(6, 1);
	assert_mapped(false);
}

static void a_length_counts_in_pages(void **state)
{
	(void)state;
	map(2);
	mapping_remove(BASE, PAGE + 1);
	assert_mapped(false);
}

static void a_moved_mapping_is_at_its_new_address(void **state)
{
	(void)state;
	map(4);
	mapping_copy(BASE, BASE + 100 * PAGE, 4 * PAGE);
	unmap(0, 4);
	assert_mapped(true);
	unmap(100, 4);
	assert_mapped(false);
}

static void what_is_not_mapped_does_not_move(void **state)
{
	(void)state;
	mapping_copy(BASE, BASE + 100 * PAGE, PAGE);
	assert_false(mapping_any());
}

static void shared_memory_of_disks_is_found_where_it_is(void **state)
{
	uint64_t from, to;

	(void)state;
	assert_false(mapping_find_disk(BASE, 8 * PAGE, &from, &to));
	map(2);
	assert_false(mapping_find_disk(BASE, 8 * PAGE, &from, &to));
	mapping_add_disk(BASE + 4 * PAGE, 2 * PAGE - 1);
	assert_true(mapping_find_disk(BASE, 5 * PAGE, &from, &to));
	assert_int_equal(from, BASE + 4 * PAGE);
	assert_int_equal(to, BASE + 5 * PAGE);
	assert_true(mapping_find_disk(BASE + 5 * PAGE, 5 * PAGE, &from, &to));
	assert_int_equal(from, BASE + 5 * PAGE);
	assert_int_equal(to, BASE + 6 * PAGE);
	assert_false(mapping_find_disk(BASE, 4 * PAGE, &from, &to));
	assert_false(mapping_find_disk(BASE + 6 * PAGE, PAGE, &from, &to));
	unmap(0, 5);
	assert_false(mapping_find_disk(BASE, 5 * PAGE, &from, &to));
	unmap(5, 1);
	assert_mapped(false);
}

static void many_pieces_may_be_left(void **state)
{
	(void)state;
	map(4096);
	for (uint64_t i = 1; i < 4096; i += 2)
		unmap(i, 1);
	assert_mapped(true);
	unmap(0, 4096);
	assert_mapped(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mapping_ends_with_its_unmap),
		cmocka_unit_test(an_unmap_elsewhere_does_nothing),
		cmocka_unit_test(a_mapping_lasts_until_its_last_piece),
		cmocka_unit_test(a_length_counts_in_pages),
		cmocka_unit_test(a_moved_mapping_is_at_its_new_address),
		cmocka_unit_test(what_is_not_mapped_does_not_move),
		cmocka_unit_test(shared_memory_of_disks_is_found_where_it_is),
		cmocka_unit_test(many_pieces_may_be_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
