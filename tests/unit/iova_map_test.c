/* SPDX-License-Identifier: MIT */
/* The map of IOVAs, by examples: look-up, insertion, and the search for a hole. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "iova/map_internal.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

static char values[1 << 17];

static int setup(void **state)
{
	static struct iova_map map;

	iova_map_init(&map);
	*state = &map;
	return 0;
}

static int teardown(void **state)
{
	assert_null(iova_map_check(*state));
	iova_map_destroy(*state);
	return 0;
}

static int insert(struct iova_map *map, uint64_t start, uint64_t last)
{
	return iova_map_insert(map, (struct iova_range){start, last}, &values[0]);
}

/* @count pages, each @stride pages from the next, from page @first on. */
static void insert_pages(struct iova_map *map, uint64_t first, uint64_t count, uint64_t stride)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t start = (first + i * stride) * PAGE_SIZE;

		assert_int_equal(insert(map, start, start + PAGE_SIZE - 1), 0);
	}
}

static uint64_t hole(const struct iova_map *map, struct iova_range window, uint64_t len,
		     uint64_t align, uint64_t offset)
{
	const struct iova_fit fit = {len, align, offset};
	uint64_t iova = 0;
	int rc = iova_map_find_hole(map, window, &fit, &iova);

	assert_true(rc == 0 || rc == -ENOSPC);
	return rc ? UINT64_MAX : iova;
}

static void an_empty_map_holds_nothing(void **state)
{
	struct iova_map_entry entry;

	assert_false(iova_map_lower(*state, 0, &entry));
	assert_null(iova_map_find(*state, 0));
	assert_false(iova_map_intersects(*state, IOVA_RANGE_ALL));
	assert_null(iova_map_erase(*state, 0));
	assert_int_equal(iova_map_memory(*state), 0);
	assert_int_equal(hole(*state, IOVA_RANGE_ALL, 4096, 4096, 0), 0);
}

static void an_entry_is_found_at_each_of_its_ends(void **state)
{
	struct iova_map *map = *state;

	assert_int_equal(iova_map_insert(map, (struct iova_range){10, 20}, &values[1]), 0);
	assert_null(iova_map_find(map, 9));
	assert_ptr_equal(iova_map_find(map, 10), &values[1]);
	assert_ptr_equal(iova_map_find(map, 20), &values[1]);
	assert_null(iova_map_find(map, 21));
}

static void lower_gives_the_entry_at_an_address_or_the_next_one_above(void **state)
{
	struct iova_map *map = *state;
	struct iova_map_entry entry;

	assert_int_equal(insert(map, 10, 20), 0);
	assert_int_equal(insert(map, 30, 40), 0);
	assert_true(iova_map_lower(map, 0, &entry));
	assert_int_equal(entry.range.start, 10);
	assert_true(iova_map_lower(map, 20, &entry));
	assert_int_equal(entry.range.start, 10);
	assert_true(iova_map_lower(map, 21, &entry));
	assert_int_equal(entry.range.start, 30);
	assert_int_equal(entry.range.last, 40);
	assert_false(iova_map_lower(map, 41, &entry));
}

static void an_insert_that_intersects_an_entry_is_refused(void **state)
{
	struct iova_map *map = *state;

	assert_int_equal(insert(map, 100, 200), 0);
	assert_int_equal(insert(map, 100, 200), -EEXIST);
	assert_int_equal(insert(map, 0, 100), -EEXIST);
	assert_int_equal(insert(map, 200, 300), -EEXIST);
	assert_int_equal(insert(map, 150, 150), -EEXIST);
	assert_int_equal(insert(map, 0, UINT64_MAX), -EEXIST);
	assert_int_equal(insert(map, 201, 300), 0);
	assert_int_equal(insert(map, 0, 99), 0);
	assert_int_equal(map->count, 3);
}

static void only_the_exact_start_erases(void **state)
{
	struct iova_map *map = *state;

	assert_int_equal(iova_map_insert(map, (struct iova_range){100, 200}, &values[7]), 0);
	assert_null(iova_map_erase(map, 99));
	assert_null(iova_map_erase(map, 101));
	assert_null(iova_map_erase(map, 201));
	assert_ptr_equal(iova_map_erase(map, 100), &values[7]);
	assert_null(iova_map_erase(map, 100));
	assert_int_equal(map->count, 0);
}

static void the_whole_space_is_one_entry_or_one_hole(void **state)
{
	struct iova_map *map = *state;

	assert_int_equal(hole(map, IOVA_RANGE_ALL, UINT64_MAX, 1, 0), 0);
	assert_int_equal(insert(map, 0, UINT64_MAX), 0);
	assert_ptr_equal(iova_map_find(map, UINT64_MAX), &values[0]);
	assert_int_equal(hole(map, IOVA_RANGE_ALL, 1, 1, 0), UINT64_MAX);
	assert_int_equal(insert(map, UINT64_MAX, UINT64_MAX), -EEXIST);
	assert_ptr_equal(iova_map_erase(map, 0), &values[0]);
}

static void both_ends_of_the_space_can_be_used(void **state)
{
	struct iova_map *map = *state;

	for (uint64_t i = 0; i < 2000; i++) {
		assert_int_equal(insert(map, i, i), 0);
		assert_int_equal(insert(map, UINT64_MAX - i, UINT64_MAX - i), 0);
		assert_null(iova_map_check(map));
	}
	assert_int_equal(hole(map, IOVA_RANGE_ALL, 4096, 1, 0), 2000);
	assert_int_equal(hole(map, (struct iova_range){UINT64_MAX - 2500, UINT64_MAX}, 500, 1, 0),
			 UINT64_MAX - 2500);
	assert_int_equal(hole(map, (struct iova_range){UINT64_MAX - 2500, UINT64_MAX}, 502, 1, 0),
			 UINT64_MAX);
	for (uint64_t i = 2000; i-- > 0;) {
		assert_non_null(iova_map_erase(map, i));
		assert_non_null(iova_map_erase(map, UINT64_MAX - i));
	}
}

struct visits {
	uint64_t next;
	uint64_t stop_at;
	unsigned int count;
};

static int visit(const struct iova_map_entry *entry, void *arg)
{
	struct visits *visits = arg;

	assert_int_equal(entry->range.start, visits->next);
	visits->next += 2 * PAGE_SIZE;
	visits->count++;
	return entry->range.start == visits->stop_at ? 5 : 0;
}

static void for_each_visits_what_intersects_in_order(void **state)
{
	struct visits visits = {.next = 1000 * PAGE_SIZE, .stop_at = UINT64_MAX};

	insert_pages(*state, 0, 10000, 2);
	assert_int_equal(
		iova_map_for_each(*state,
				  (struct iova_range){1001 * PAGE_SIZE - 1, 9000 * PAGE_SIZE},
				  visit, &visits),
		0);
	assert_int_equal(visits.count, 4001);

	visits = (struct visits){.next = 2000 * PAGE_SIZE, .stop_at = 6000 * PAGE_SIZE};
	assert_int_equal(iova_map_for_each(*state,
					   (struct iova_range){1999 * PAGE_SIZE, UINT64_MAX}, visit,
					   &visits),
			 5);
	assert_int_equal(visits.count, 2001);

	visits.count = 0;
	assert_int_equal(iova_map_for_each(*state,
					   (struct iova_range){PAGE_SIZE, 2 * PAGE_SIZE - 1}, visit,
					   &visits),
			 0);
	assert_int_equal(visits.count, 0);
}

static void a_fit_is_aligned_then_takes_the_offset(void **state)
{
	const struct iova_fit fit = {.len = 0x1000, .align = 0x400, .offset = 0xc00};
	uint64_t c = 0;

	(void)state;
	assert_true(iova_fit(&fit, 0x1401, 0x10000, &c));
	assert_int_equal(c, 0x1c00);
	assert_false(iova_fit(&fit, 0x1401, 0x2bfe, &c));
	assert_true(iova_fit(&fit, 0x1401, 0x2bff, &c));
}

static void a_fit_at_the_very_end_is_none(void **state)
{
	const struct iova_fit fit = {.len = 1, .align = 1};
	uint64_t c = 0;

	(void)state;
	assert_false(iova_fit(&fit, 7, 7, &c));
	assert_true(iova_fit(&fit, 7, 8, &c));
	assert_int_equal(c, 7);
	assert_false(iova_fit(&(struct iova_fit){.len = 1, .align = 2 * MIB}, UINT64_MAX - 5,
			      UINT64_MAX, &c));
}

static void the_lowest_hole_that_fits_is_found(void **state)
{
	struct iova_map *map = *state;

	/* 50000 pages with a page between each two, then one hole of three. */
	insert_pages(map, 1, 50000, 2);
	insert_pages(map, 100003, 10, 1);
	assert_null(iova_map_check(map));
	assert_int_equal(hole(map, IOVA_RANGE_ALL, 1 * PAGE_SIZE, PAGE_SIZE, 0), 0);
	assert_int_equal(
		hole(map, (struct iova_range){PAGE_SIZE, UINT64_MAX}, PAGE_SIZE, PAGE_SIZE, 0),
		2 * PAGE_SIZE);
	assert_int_equal(hole(map, IOVA_RANGE_ALL, 2 * PAGE_SIZE, PAGE_SIZE, 0),
			 100000 * PAGE_SIZE);
	assert_int_equal(hole(map, IOVA_RANGE_ALL, 3 * PAGE_SIZE, PAGE_SIZE, 0),
			 100000 * PAGE_SIZE);
	assert_int_equal(hole(map, IOVA_RANGE_ALL, 4 * PAGE_SIZE, PAGE_SIZE, 0),
			 100013 * PAGE_SIZE);
	assert_int_equal(
		hole(map, (struct iova_range){0, 100012 * PAGE_SIZE}, 4 * PAGE_SIZE, PAGE_SIZE, 0),
		UINT64_MAX);
}

static void a_hole_is_cut_by_the_window(void **state)
{
	struct iova_map *map = *state;

	insert_pages(map, 0, 1, 1);
	insert_pages(map, 10, 1, 1);
	insert_pages(map, 20, 1, 1);
	assert_int_equal(hole(map, (struct iova_range){5 * PAGE_SIZE, UINT64_MAX}, 6 * PAGE_SIZE,
			      PAGE_SIZE, 0),
			 11 * PAGE_SIZE);
	assert_int_equal(hole(map, (struct iova_range){5 * PAGE_SIZE, 16 * PAGE_SIZE - 1},
			      6 * PAGE_SIZE, PAGE_SIZE, 0),
			 UINT64_MAX);
	assert_int_equal(hole(map, (struct iova_range){5 * PAGE_SIZE, 17 * PAGE_SIZE - 1},
			      6 * PAGE_SIZE, PAGE_SIZE, 0),
			 11 * PAGE_SIZE);
}

static void holes_that_are_long_enough_but_misaligned_are_passed_over(void **state)
{
	struct iova_map *map = *state;
	const uint64_t step = 4 * MIB;
	const uint64_t wanted = 30000 * step + 2 * MIB;

	/* Holes of 3 MiB, only one of which has 2 MiB at a multiple of 2 MiB. */
	for (uint64_t i = 0; i < 40000; i++) {
		uint64_t start = i * step + 3 * MIB + MIB / 2;

		if (i != 30000)
			assert_int_equal(insert(map, start, start + MIB - 1), 0);
		else
			assert_int_equal(insert(map, wanted + 2 * MIB, start + MIB - 1), 0);
	}
	assert_null(iova_map_check(map));
	assert_int_equal(hole(map, (struct iova_range){MIB, UINT64_MAX}, 2 * MIB, 2 * MIB, 0),
			 wanted);
	assert_int_equal(hole(map, (struct iova_range){MIB, UINT64_MAX}, 2 * MIB, MIB, 0), MIB);
}

static void ascending_and_descending_inserts_fill_the_nodes(void **state)
{
	struct iova_map *map = *state;

	insert_pages(map, 1 << 20, 100000, 1);
	assert_true(iova_map_memory(map) / 100000 < 31);
	teardown(state);
	for (uint64_t i = 100000; i-- > 0;)
		insert_pages(map, i, 1, 1);
	assert_true(iova_map_memory(map) / 100000 < 31);
}

static void memory_shrinks_with_the_entries(void **state)
{
	struct iova_map *map = *state;
	const uint64_t count = 100000, stride = 7919; /* a prime: a random order */

	insert_pages(map, 0, count, 1);
	for (uint64_t i = 0; i < count - 1000; i++)
		assert_non_null(iova_map_erase(map, i * stride % count * PAGE_SIZE));
	assert_null(iova_map_check(map));
	assert_true(iova_map_memory(map) / 1000 < 110);
	for (uint64_t i = count - 1000; i < count; i++)
		assert_non_null(iova_map_erase(map, i * stride % count * PAGE_SIZE));
	assert_int_equal(iova_map_memory(map), 0);
}

static void a_prefetch_of_any_iova_finds_a_leaf_at_any_height(void **state)
{
	const uint64_t iovas[] = {0, PAGE_SIZE, 5000 * PAGE_SIZE, 20000 * PAGE_SIZE, UINT64_MAX};
	const uint64_t counts[] = {0, 1, 100, 10000};
	struct iova_map *map = *state;
	uint64_t next = 1;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		insert_pages(map, next, counts[i], 2);
		next += 2 * counts[i];
		for (size_t j = 0; j < sizeof(iovas) / sizeof(iovas[0]); j++)
			iova_map_prefetch(map, iovas[j]);
	}
	assert_int_equal(map->height, 3);
}

int main(void)
{
#define MAP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		MAP_TEST(an_empty_map_holds_nothing),
		MAP_TEST(an_entry_is_found_at_each_of_its_ends),
		MAP_TEST(lower_gives_the_entry_at_an_address_or_the_next_one_above),
		MAP_TEST(an_insert_that_intersects_an_entry_is_refused),
		MAP_TEST(only_the_exact_start_erases),
		MAP_TEST(the_whole_space_is_one_entry_or_one_hole),
		MAP_TEST(both_ends_of_the_space_can_be_used),
		MAP_TEST(for_each_visits_what_intersects_in_order),
		MAP_TEST(a_prefetch_of_any_iova_finds_a_leaf_at_any_height),
		cmocka_unit_test(a_fit_is_aligned_then_takes_the_offset),
		cmocka_unit_test(a_fit_at_the_very_end_is_none),
		MAP_TEST(the_lowest_hole_that_fits_is_found),
		MAP_TEST(a_hole_is_cut_by_the_window),
		MAP_TEST(holes_that_are_long_enough_but_misaligned_are_passed_over),
		MAP_TEST(ascending_and_descending_inserts_fill_the_nodes),
		MAP_TEST(memory_shrinks_with_the_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
