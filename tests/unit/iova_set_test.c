/* SPDX-License-Identifier: MIT */
/* Sets of IOVA ranges: union, cut, complement, and the ends of the space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "iova/iova_set.h"

#define MAX UINT64_MAX

static struct iova_set sets[3];

static int setup(void **state)
{
	for (int i = 0; i < 3; i++)
		iova_set_init(&sets[i]);
	*state = sets;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		iova_set_destroy(&sets[i]);
	return 0;
}

static void add(struct iova_set *set, uint64_t start, uint64_t last)
{
	assert_int_equal(iova_set_add(set, (struct iova_range){start, last}), 0);
}

static void take(struct iova_set *set, uint64_t start, uint64_t last)
{
	assert_int_equal(iova_set_remove(set, (struct iova_range){start, last}), 0);
}

#define assert_set(set, ...)                                                            \
	do {                                                                            \
		const struct iova_range expected[] = {__VA_ARGS__};                     \
		assert_int_equal((set)->count, sizeof(expected) / sizeof(expected[0])); \
		assert_memory_equal((set)->ranges, expected, sizeof(expected));         \
	} while (0)

static void ranges_are_kept_in_order(void **state)
{
	struct iova_set *set = *state;

	add(set, 50, 60);
	add(set, 10, 20);
	add(set, 30, 40);
	assert_set(set, {10, 20}, {30, 40}, {50, 60});
}

static void ranges_that_overlap_or_touch_become_one(void **state)
{
	struct iova_set *set = *state;

	add(set, 10, 20);
	add(set, 21, 25);
	assert_set(set, {10, 25});
	add(set, 5, 9);
	add(set, 40, 50);
	add(set, 27, 30);
	assert_set(set, {5, 25}, {27, 30}, {40, 50});
	add(set, 26, 44);
	assert_set(set, {5, 50});
	add(set, 6, 7);
	assert_set(set, {5, 50});
}

static void the_ends_of_the_space_can_be_added_and_removed(void **state)
{
	struct iova_set *set = *state;

	add(set, MAX, MAX);
	add(set, 0, 0);
	assert_set(set, {0, 0}, {MAX, MAX});
	add(set, 0, MAX);
	assert_set(set, {0, MAX});
	take(set, 0, 0);
	take(set, MAX, MAX);
	assert_set(set, {1, MAX - 1});
	take(set, 0, MAX);
	assert_int_equal(set->count, 0);
}

static void removing_cuts_what_straddles(void **state)
{
	struct iova_set *set = *state;

	add(set, 0, 100);
	take(set, 40, 60);
	assert_set(set, {0, 39}, {61, 100});
	take(set, 39, 61);
	assert_set(set, {0, 38}, {62, 100});
	take(set, 39, 61);
	assert_set(set, {0, 38}, {62, 100});
	add(set, 200, 300);
	take(set, 30, 250);
	assert_set(set, {0, 29}, {251, 300});
}

static void contains_wants_all_of_a_range_and_intersects_any(void **state)
{
	struct iova_set *set = *state;

	add(set, 10, 20);
	add(set, 22, 30);
	assert_true(iova_set_contains(set, (struct iova_range){10, 20}));
	assert_false(iova_set_contains(set, (struct iova_range){10, 22}));
	assert_false(iova_set_contains(set, (struct iova_range){9, 10}));
	assert_true(iova_set_intersects(set, (struct iova_range){0, 10}));
	assert_true(iova_set_intersects(set, (struct iova_range){30, MAX}));
	assert_false(iova_set_intersects(set, (struct iova_range){21, 21}));
	assert_false(iova_set_intersects(set, (struct iova_range){31, MAX}));
}

static void lower_is_the_first_range_that_ends_at_or_above(void **state)
{
	struct iova_set *set = *state;

	add(set, 10, 20);
	add(set, 30, 40);
	assert_int_equal(iova_set_lower(set, 0), 0);
	assert_int_equal(iova_set_lower(set, 20), 0);
	assert_int_equal(iova_set_lower(set, 21), 1);
	assert_int_equal(iova_set_lower(set, 41), 2);
}

static void the_complement_of_nothing_is_everything(void **state)
{
	struct iova_set *set = *state;

	assert_int_equal(iova_set_invert(set, set), 0);
	assert_set(set, {0, MAX});
	assert_int_equal(iova_set_invert(set, set), 0);
	assert_int_equal(set->count, 0);
}

static void the_complement_has_the_gaps_and_the_ends(void **state)
{
	struct iova_set *set = *state, *out = set + 1;

	add(set, 10, 20);
	add(set, 30, MAX);
	add(out, 5, 5);
	assert_int_equal(iova_set_invert(set, out), 0);
	assert_set(out, {0, 9}, {21, 29});
	assert_int_equal(iova_set_invert(out, out), 0);
	assert_set(out, {10, 20}, {30, MAX});
}

static void sets_are_intersected_and_merged(void **state)
{
	struct iova_set *a = *state, *b = a + 1, *out = a + 2;

	add(a, 0, 10);
	add(a, 20, 30);
	add(a, 40, MAX);
	add(b, 5, 25);
	add(b, 31, 31);
	add(b, MAX, MAX);
	assert_int_equal(iova_set_intersect(a, b, out), 0);
	assert_set(out, {5, 10}, {20, 25}, {MAX, MAX});
	assert_int_equal(iova_set_merge(a, b, out), 0);
	assert_set(out, {0, 31}, {40, MAX});
	assert_int_equal(iova_set_merge(a, b, a), 0);
	assert_set(a, {0, 31}, {40, MAX});
}

static void a_copy_is_its_own(void **state)
{
	struct iova_set *a = *state, *b = a + 1, *c = a + 2;

	add(a, 1, 2);
	add(b, 7, 8);
	assert_int_equal(iova_set_copy(a, b), 0);
	add(a, 10, 11);
	assert_set(b, {1, 2});
	iova_set_swap(a, b);
	assert_set(a, {1, 2});
	assert_set(b, {1, 2}, {10, 11});
	assert_int_equal(iova_set_copy(c, b), 0);
	assert_int_equal(b->count, 0);
}

int main(void)
{
#define SET_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		SET_TEST(ranges_are_kept_in_order),
		SET_TEST(ranges_that_overlap_or_touch_become_one),
		SET_TEST(the_ends_of_the_space_can_be_added_and_removed),
		SET_TEST(removing_cuts_what_straddles),
		SET_TEST(contains_wants_all_of_a_range_and_intersects_any),
		SET_TEST(lower_is_the_first_range_that_ends_at_or_above),
		SET_TEST(the_complement_of_nothing_is_everything),
		SET_TEST(the_complement_has_the_gaps_and_the_ends),
		SET_TEST(sets_are_intersected_and_merged),
		SET_TEST(a_copy_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
