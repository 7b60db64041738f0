/* SPDX-License-Identifier: MIT */
/* The table of IDs: which ID comes next, what a look-up finds, and a reservation that fails. */
#include "base/idtable.h"
#include "kit.h"

static char object_a, object_b;

static int setup(void **state)
{
	static struct idtable table;

	idtable_init(&table);
	*state = &table;
	return 0;
}

static int teardown(void **state)
{
	idtable_destroy(*state);
	return 0;
}

static uint32_t reserve(struct idtable *table)
{
	uint32_t id = 0;

	assert_int_equal(idtable_reserve(table, &id), 0);
	return id;
}

static void ids_start_at_1_and_are_the_lowest_free(void **state)
{
	struct idtable *table = *state;

	for (uint32_t id = 1; id <= 300; id++)
		assert_int_equal(reserve(table), id);
	idtable_erase(table, 200);
	idtable_erase(table, 63);
	idtable_erase(table, 64);
	assert_int_equal(reserve(table), 63);
	assert_int_equal(reserve(table), 64);
	assert_int_equal(reserve(table), 200);
	assert_int_equal(reserve(table), 301);
}

static void a_reserved_id_finds_nothing_until_it_is_stored(void **state)
{
	struct idtable *table = *state;
	uint32_t id = reserve(table);

	assert_null(idtable_find(table, id));
	idtable_store(table, id, &object_a);
	assert_ptr_equal(idtable_find(table, id), &object_a);
}

static void any_id_may_be_looked_up(void **state)
{
	struct idtable *table = *state;

	assert_null(idtable_find(table, 0));
	assert_null(idtable_find(table, 1));
	reserve(table);
	assert_null(idtable_find(table, 0));
	assert_null(idtable_find(table, 64));
	assert_null(idtable_find(table, UINT32_MAX));
}

static void a_hidden_id_stays_taken(void **state)
{
	struct idtable *table = *state;
	uint32_t id = reserve(table);

	idtable_store(table, id, &object_a);
	idtable_hide(table, id);
	assert_null(idtable_find(table, id));
	assert_false(idtable_empty(table));
	assert_int_equal(reserve(table), id + 1);
	idtable_erase(table, id);
	assert_int_equal(reserve(table), id);
}

static void a_table_is_empty_when_no_id_is_taken(void **state)
{
	struct idtable *table = *state;
	uint32_t id;

	assert_true(idtable_empty(table));
	id = reserve(table);
	assert_false(idtable_empty(table));
	idtable_erase(table, id);
	assert_true(idtable_empty(table));
}

static void next_walks_the_stored_objects_in_order(void **state)
{
	struct idtable *table = *state;
	uint32_t id = 0;

	assert_null(idtable_next(table, &id));
	for (int i = 0; i < 5000; i++)
		reserve(table);
	idtable_store(table, 3, &object_a);
	idtable_store(table, 4999, &object_b);

	assert_ptr_equal(idtable_next(table, &id), &object_a);
	assert_int_equal(id, 3);
	assert_ptr_equal(idtable_next(table, &id), &object_a);
	id++;
	assert_ptr_equal(idtable_next(table, &id), &object_b);
	assert_int_equal(id, 4999);
	id++;
	assert_null(idtable_next(table, &id));
	id = UINT32_MAX;
	assert_null(idtable_next(table, &id));
}

static void a_failed_reservation_takes_nothing(void **state)
{
	struct idtable *table = *state;
	uint32_t id = 77;

	for (uint32_t n = 1; n <= 4096 - 1; n++) {
		if (n == 1 || n == 64 || n == 128 || n == 2048) {
			/* Here the table grows: the array and each level may fail. */
			for (uint64_t step = 1;; step++) {
				failure_arm(step);
				if (!idtable_reserve(table, &id))
					break;
				assert_int_equal(failure_left(), 0);
				assert_int_equal(table->taken, n - 1);
				assert_null(idtable_find(table, n));
			}
			assert_true(failure_left() > 0);
			failure_disarm();
			assert_int_equal(id, n);
		} else {
			assert_int_equal(reserve(table), n);
		}
		idtable_store(table, n, &object_a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ids_start_at_1_and_are_the_lowest_free, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_reserved_id_finds_nothing_until_it_is_stored,
						setup, teardown),
		cmocka_unit_test_setup_teardown(any_id_may_be_looked_up, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hidden_id_stays_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_table_is_empty_when_no_id_is_taken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(next_walks_the_stored_objects_in_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_failed_reservation_takes_nothing, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
