/* SPDX-License-Identifier: MIT */
/* The tree of what PASIDs have. */
#include "iommu/pasids.h"
#include "kit.h"

enum {
	COUNT = 1 << 20, /* PASIDs have 20 bits */
	STEPS = 20000,
};

static char values[STEPS];

static void a_tree_that_never_was_has_nothing(void **state)
{
	uint32_t pasid = 0;

	(void)state;
	assert_null(pasids_find(NULL, 5));
	assert_null(pasids_next(NULL, &pasid));
	pasids_destroy(NULL);
}

/* Values are found one by one, and in order, as in an array. */
static void what_was_set_last_is_found(void **state)
{
	char **expected = calloc(COUNT, sizeof(*expected));
	struct pasid_node *pasids = NULL;
	uint32_t next = 0;

	(void)state;
	assert_non_null(expected);
	for (int i = 0; i < STEPS; i++) {
		/* Some close together, some anywhere, some at the end. */
		const uint32_t pasid = (uint32_t)random_below(i % 2 ? 300 : COUNT);
		char *value = random_below(3) ? &values[i] : NULL;

		assert_int_equal(pasids_reserve(&pasids, pasid), 0);
		pasids_set(pasids, pasid, value);
		expected[pasid] = value;
		assert_ptr_equal(pasids_find(pasids, pasid), value);
	}
	for (uint32_t pasid = 0; pasid < COUNT; pasid++) {
		assert_ptr_equal(pasids_find(pasids, pasid), expected[pasid]);
		if (!expected[pasid])
			continue;
		assert_ptr_equal(pasids_next(pasids, &next), expected[pasid]);
		assert_int_equal(next, pasid);
		next++;
	}
	assert_null(pasids_next(pasids, &next));
	pasids_destroy(pasids);
	free(expected);
}

static void numbers_that_no_pasid_has_find_nothing(void **state)
{
	struct pasid_node *pasids = NULL;
	uint32_t pasid = UINT32_MAX;

	(void)state;
	assert_int_equal(pasids_reserve(&pasids, 0), 0);
	pasids_set(pasids, 0, values);
	assert_null(pasids_find(pasids, 1u << PASID_BITS));
	assert_null(pasids_find(pasids, UINT32_MAX));
	assert_null(pasids_next(pasids, &pasid));
	pasids_destroy(pasids);
}

static void without_memory_nothing_changes(void **state)
{
	struct pasid_node *pasids = NULL;
	int rc = -ENOMEM;

	(void)state;
	for (uint64_t n = 1; rc; n++) {
		failure_arm(n);
		rc = pasids_reserve(&pasids, 77777);
		failure_disarm();
		assert_true(!rc || rc == -ENOMEM);
		assert_null(pasids_find(pasids, 77777));
	}
	pasids_set(pasids, 77777, values);
	assert_ptr_equal(pasids_find(pasids, 77777), values);
	pasids_destroy(pasids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_that_never_was_has_nothing),
		cmocka_unit_test(what_was_set_last_is_found),
		cmocka_unit_test(numbers_that_no_pasid_has_find_nothing),
		cmocka_unit_test(without_memory_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
