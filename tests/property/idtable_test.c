/* SPDX-License-Identifier: MIT */
/* The table against an array of states, under random operations. */

#include "base/idtable.h"
#include "kit.h"

#define IDS	   9000u
#define OPERATIONS 200000u

enum id_state {
	ID_FREE,
	ID_RESERVED,
	ID_STORED
};

static enum id_state model[IDS];
static char objects[IDS];

static uint32_t model_lowest(uint32_t from, enum id_state wanted)
{
	while (from < IDS && model[from] != wanted)
		from++;
	return from;
}

static void reserve(struct idtable *table)
{
	uint32_t expected = model_lowest(1, ID_FREE);
	uint32_t id;

	if (expected == IDS)
		return;
	assert_int_equal(idtable_reserve(table, &id), 0);
	assert_int_equal(id, expected);
	model[id] = ID_RESERVED;
}

static void change(struct idtable *table, uint32_t id)
{
	if (model[id] == ID_FREE)
		return;
	switch (random_u64() % 3) {
	case 0:
		idtable_store(table, id, &objects[id]);
		model[id] = ID_STORED;
		break;
	case 1:
		idtable_hide(table, id);
		model[id] = ID_RESERVED;
		break;
	default:
		idtable_erase(table, id);
		model[id] = ID_FREE;
		break;
	}
}

static void look_up(struct idtable *table, uint32_t id)
{
	uint32_t expected = model_lowest(id, ID_STORED);
	uint32_t next = id;

	assert_ptr_equal(idtable_find(table, id), model[id] == ID_STORED ? &objects[id] : NULL);
	if (expected == IDS) {
		assert_null(idtable_next(table, &next));
	} else {
		assert_ptr_equal(idtable_next(table, &next), &objects[expected]);
		assert_int_equal(next, expected);
	}
}

static void the_table_behaves_as_an_array(void **state)
{
	struct idtable table;
	unsigned int taken = 0;

	(void)state;
	idtable_init(&table);
	for (unsigned int i = 0; i < OPERATIONS; i++) {
		/* Fill, drain, fill: so that growth and both ends are met. */
		bool filling = i / (OPERATIONS / 8) % 2 == 0;

		if (random_u64() % 4 < (filling ? 3 : 1))
			reserve(&table);
		else
			change(&table, (uint32_t)(random_u64() % IDS));
		if (i % 8 == 0)
			look_up(&table, (uint32_t)(random_u64() % IDS));
		if (i % 512 == 0)
			assert_null(idtable_check(&table));
	}
	for (uint32_t id = 1; id < IDS; id++)
		taken += model[id] != ID_FREE;
	assert_int_equal(table.taken, taken);
	assert_int_equal(idtable_empty(&table), taken == 0);
	idtable_destroy(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_table_behaves_as_an_array)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
