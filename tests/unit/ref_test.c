/* SPDX-License-Identifier: MIT */
/* Reference counts: which put destroys, and what debug builds stop. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/ref.h"
#include "kit.h"

enum {
	THREADS = 4,
	ROUNDS = 20000,
};

static void only_the_last_put_says_so(void **state)
{
	struct ref ref;

	(void)state;
	ref_init(&ref);
	assert_int_equal(ref_read(&ref), 1);
	ref_get(&ref);
	assert_false(ref_put(&ref));
	assert_true(ref_put(&ref));
	assert_int_equal(ref_read(&ref), 0);
}

static void a_reference_is_taken_only_while_there_is_one(void **state)
{
	struct ref ref = REF_INIT;

	(void)state;
	assert_true(ref_get_live(&ref));
	assert_int_equal(ref_read(&ref), 2);
	ref_put(&ref);
	ref_put(&ref);
	assert_false(ref_get_live(&ref));
	assert_int_equal(ref_read(&ref), 0);
}

static void a_claim_takes_all_references_or_none(void **state)
{
	struct ref ref = REF_INIT;

	(void)state;
	ref_get(&ref);
	ref_get(&ref);
	assert_false(ref_claim(&ref, 2));
	assert_int_equal(ref_read(&ref), 3);
	assert_true(ref_claim(&ref, 3));
	assert_int_equal(ref_read(&ref), 0);
	assert_false(ref_get_live(&ref));
}

static void get_from_zero(void)
{
	struct ref ref = {.count = 0};

	ref_get(&ref);
}

static void put_at_zero(void)
{
	struct ref ref = {.count = 0};

	ref_put(&ref);
}

static void get_past_the_limit(void)
{
	struct ref ref = {.count = REF_MAX};

	ref_get(&ref);
}

static void get_live_past_the_limit(void)
{
	struct ref ref = {.count = REF_MAX};

	ref_get_live(&ref);
}

static void claim_nothing(void)
{
	struct ref ref = REF_INIT;

	ref_claim(&ref, 0);
}

static void use_after_the_end_and_overflow_abort(void **state)
{
	static const struct {
		void (*body)(void);
		const char *message;
	} cases[] = {
		{get_from_zero, "REF_MAX"},	 {put_at_zero, "REF_MAX"},
		{get_past_the_limit, "REF_MAX"}, {get_live_past_the_limit, "REF_MAX"},
		{claim_nothing, "count"},
	};

	(void)state;
#ifdef NDEBUG
	skip();
#endif
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_aborts(cases[i].body, cases[i].message);
}

struct counted {
	struct ref ref;
	atomic_uint destroyed;
	unsigned int written; /* by each thread before it gives its reference back */
};

static void *get_and_put(void *arg)
{
	struct counted *counted = arg;

	for (int i = 0; i < ROUNDS; i++) {
		assert_true(ref_get_live(&counted->ref));
		assert_false(ref_put(&counted->ref));
	}
	__atomic_fetch_add(&counted->written, 1, __ATOMIC_RELAXED);
	if (ref_put(&counted->ref)) {
		/* The others' writes lie before their puts, which lie before this one. */
		assert_int_equal(counted->written, THREADS);
		counted->destroyed++;
	}
	return NULL;
}

static void of_many_threads_exactly_one_destroys(void **state)
{
	struct counted counted = {.ref = REF_INIT};
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 1; i < THREADS; i++)
		ref_get(&counted.ref);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_and_put, &counted), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(counted.destroyed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_last_put_says_so),
		cmocka_unit_test(a_reference_is_taken_only_while_there_is_one),
		cmocka_unit_test(a_claim_takes_all_references_or_none),
		cmocka_unit_test(use_after_the_end_and_overflow_abort),
		cmocka_unit_test(of_many_threads_exactly_one_destroys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
