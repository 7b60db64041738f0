/* SPDX-License-Identifier: MIT */
/*
 * Each allocation of the sets and the map fails in turn: the call says so, and nothing has changed.
 */
#include "base/fail.h"
#include "iova/iova_set.h"
#include "iova/map_internal.h"
#include "kit.h"
#include <cmocka.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * That @map holds the pages that start at start(0) to start(@count - 1), and takes @memory bytes.
 */
static void check_map(const struct iova_map *map, uint64_t (*start)(uint64_t), uint64_t count,
		      size_t memory)
{
	assert_null(iova_map_check(map));
	assert_int_equal(iova_map_memory(map), memory);
	assert_int_equal(map->count, count);
	for (uint64_t i = 0; i < count; i++)
		assert_ptr_equal(iova_map_find(map, start(i) + 4095), map);
}

static void check_inserts(uint64_t (*start)(uint64_t), uint64_t count)
{
	unsigned int most = 0;
	struct iova_map map;

	iova_map_init(&map);
	for (uint64_t i = 0; i < count; i++) {
		size_t memory = iova_map_memory(&map);
		unsigned int failures = 0;

		for (;; failures++) {
			failure_arm(failures + 1);
			if (!iova_map_insert(&map, (struct iova_range){start(i), start(i) + 4095},
					     &map))
				break;
			assert_int_equal(failure_left(), 0);
			check_map(&map, start, i, memory);
		}
		failure_disarm();
		most = failures > most ? failures : most;
	}
	check_map(&map, start, count, iova_map_memory(&map));
	/* A leaf, an inner node and a root were needed at once, and each of them has failed. */
	assert_int_equal(most, 3);
	iova_map_destroy(&map);
}

static uint64_t ascending(uint64_t i)
{
	return i << 12;
}

static uint64_t descending(uint64_t i)
{
	return (UINT64_C(1) << 40) - (i << 12);
}

static uint64_t scattered(uint64_t i)
{
	return i * 7919 % 8192 << 14;
}

static void an_insert_without_memory_leaves_the_map_as_it_was(void **state)
{
	(void)state;
	check_inserts(ascending, 5000);
	check_inserts(descending, 5000);
	check_inserts(scattered, 8192);
}

static void erasing_needs_no_memory(void **state)
{
	struct iova_map map;

	(void)state;
	iova_map_init(&map);
	for (uint64_t i = 0; i < 8192; i++)
		assert_int_equal(
			iova_map_insert(
				&map, (struct iova_range){scattered(i), scattered(i) + 4095}, &map),
			0);
	failure_arm(1);
	for (uint64_t i = 0; i < 8192; i++)
		assert_ptr_equal(iova_map_erase(&map, scattered(i * 5 % 8192)), &map);
	assert_int_equal(failure_left(), 1);
	failure_disarm();
	assert_int_equal(iova_map_memory(&map), 0);
}

enum {
	SETS = 3
};

static void fill_sets(struct iova_set *sets)
{
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(iova_set_add(&sets[0], (struct iova_range){10 * i, 10 * i + 6}),
				 0);
		assert_int_equal(iova_set_add(&sets[1], (struct iova_range){9 * i, 9 * i + 3}), 0);
	}
	assert_int_equal(iova_set_add(&sets[2], (struct iova_range){77, 99}), 0);
}

/* Each of them needs memory in a full set 0, and writes set 0 or set 2. */
static int change_sets(struct iova_set *sets, unsigned int how)
{
	switch (how) {
	case 0:
		return iova_set_add(&sets[0], (struct iova_range){200, 210});
	case 1:
		return iova_set_remove(&sets[0], (struct iova_range){22, 23});
	case 2:
		return iova_set_invert(&sets[0], &sets[2]);
	case 3:
		return iova_set_intersect(&sets[0], &sets[1], &sets[2]);
	case 4:
		return iova_set_merge(&sets[0], &sets[1], &sets[0]);
	default:
		return iova_set_copy(&sets[1], &sets[2]);
	}
}

static void a_set_without_memory_stays_as_it_was(void **state)
{
	(void)state;
	for (unsigned int how = 0; how < 6; how++) {
		struct iova_set sets[SETS], before[SETS];

		for (int i = 0; i < SETS; i++) {
			iova_set_init(&sets[i]);
			iova_set_init(&before[i]);
		}
		fill_sets(sets);
		fill_sets(before);
		failure_arm(1);
		assert_int_equal(change_sets(sets, how), -ENOMEM);
		assert_int_equal(failure_left(), 0);
		for (int i = 0; i < SETS; i++) {
			assert_int_equal(sets[i].count, before[i].count);
			assert_memory_equal(sets[i].ranges, before[i].ranges,
					    sets[i].count * sizeof(struct iova_range));
		}
		assert_int_equal(change_sets(sets, how), 0);
		for (int i = 0; i < SETS; i++) {
			iova_set_destroy(&sets[i]);
			iova_set_destroy(&before[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_insert_without_memory_leaves_the_map_as_it_was),
		cmocka_unit_test(erasing_needs_no_memory),
		cmocka_unit_test(a_set_without_memory_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
