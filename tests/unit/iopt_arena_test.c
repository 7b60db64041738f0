/* SPDX-License-Identifier: MIT */
/* The memory of page tables: alignment, reuse, and what is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "iopt/arena.h"

enum {
	MANY = 3 * ARENA_CHUNK_TABLES
};

static void assert_new(const uint64_t *table)
{
	assert_non_null(table);
	assert_int_equal((uintptr_t)table % ARENA_TABLE_SIZE, 0);
	assert_int_equal(arena_table_of(table)->count, 0);
	for (size_t i = 0; i < ARENA_TABLE_SIZE / sizeof(*table); i++)
		assert_int_equal(table[i], 0);
}

static void tables_are_zero_when_new_and_when_used_again(void **state)
{
	static uint64_t *tables[MANY];
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < MANY; i++) {
			tables[i] = arena_alloc(&arena);
			assert_new(tables[i]);
			tables[i][i % 512] = i + 1;
			arena_table_of(&tables[i][511])->count = 7;
		}
		assert_int_equal(arena.n_tables, MANY);
		/* None was handed out twice. */
		for (size_t i = 0; i < MANY; i++)
			assert_int_equal(tables[i][i % 512], i + 1);
		for (size_t i = 0; i < MANY; i++)
			arena_retire(&arena, tables[i]);
		arena_settle(&arena);
		assert_int_equal(arena.n_tables, 0);
	}
	arena_destroy(&arena);
}

static void a_retired_table_stays_as_it_was_until_the_batch_is_full(void **state)
{
	uint64_t *tables[ARENA_BATCH];
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < ARENA_BATCH; i++) {
		tables[i] = arena_alloc(&arena);
		tables[i][5] = i + 1;
	}
	for (size_t i = 0; i < ARENA_BATCH; i++) {
		for (size_t j = 0; j < i; j++)
			assert_int_equal(tables[j][5], j + 1);
		arena_retire(&arena, tables[i]);
		arena_settle(&arena);
	}
	for (size_t i = 0; i < ARENA_BATCH; i++)
		assert_int_equal(tables[i][5], 0);
	arena_destroy(&arena);
}

static void all_but_one_of_the_unused_chunks_are_given_back(void **state)
{
	static uint64_t *tables[MANY];
	struct arena arena;
	uint64_t *kept;

	(void)state;
	arena_init(&arena);
	kept = arena_alloc(&arena);
	for (size_t i = 0; i < MANY; i++)
		tables[i] = arena_alloc(&arena);
	assert_int_equal(arena.n_chunks, 4);
	for (size_t i = 0; i < MANY; i++)
		arena_retire(&arena, tables[i]);
	arena_settle(&arena);
	assert_int_equal(arena.n_chunks, 2);
	assert_int_equal(arena.n_idle, 1);
	assert_int_equal(arena.n_tables, 1);
	arena_retire(&arena, kept);
	arena_destroy(&arena);
}

static void the_first_tables_are_aligned_to_their_total_size(void **state)
{
	(void)state;
	for (unsigned int count = 1; count <= 16; count *= 2) {
		struct arena arena;
		uint64_t *first;

		arena_init(&arena);
		first = arena_alloc_first(&arena, count);
		assert_int_equal((uintptr_t)first % (count * ARENA_TABLE_SIZE), 0);
		for (unsigned int i = 0; i < count; i++)
			assert_new(first + (size_t)i * 512);
		assert_true(arena_alloc(&arena) >= first + (size_t)count * 512);
		arena_destroy(&arena);
	}
}

static void a_table_never_seen_is_used_again_at_once(void **state)
{
	struct arena arena;
	uint64_t *table;

	(void)state;
	arena_init(&arena);
	table = arena_alloc(&arena);
	arena_free(&arena, table);
	assert_ptr_equal(arena_alloc(&arena), table);
	arena_destroy(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_zero_when_new_and_when_used_again),
		cmocka_unit_test(a_retired_table_stays_as_it_was_until_the_batch_is_full),
		cmocka_unit_test(all_but_one_of_the_unused_chunks_are_given_back),
		cmocka_unit_test(the_first_tables_are_aligned_to_their_total_size),
		cmocka_unit_test(a_table_never_seen_is_used_again_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
