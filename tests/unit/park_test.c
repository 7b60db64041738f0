/* SPDX-License-Identifier: MIT */
/* Which waits are announced, and to what. */
#include <pthread.h>

#include "base/park.h"
#include "kit.h"

struct record {
	struct park park; /* must be first */
	unsigned int begun, ended;
};

static void note_begin(struct park *park)
{
	((struct record *)park)->begun++;
}

static void note_end(struct park *park)
{
	((struct record *)park)->ended++;
}

static struct record new_record(void)
{
	return (struct record){.park = {.begin = note_begin, .end = note_end}};
}

static void a_wait_is_announced_once_at_either_end(void **state)
{
	struct record record = new_record();

	(void)state;
	park_set(&record.park);
	park_begin();
	assert_int_equal(record.begun, 1);
	assert_int_equal(record.ended, 0);
	park_end();
	assert_int_equal(record.begun, 1);
	assert_int_equal(record.ended, 1);
	park_set(NULL);
}

static void without_a_park_nothing_happens(void **state)
{
	struct record record = new_record();

	(void)state;
	park_begin();
	park_end();
	park_set(&record.park);
	park_set(NULL);
	park_begin();
	park_end();
	assert_int_equal(record.begun, 0);
}

static void *wait_without_a_park(void *arg)
{
	park_begin();
	park_end();
	return arg;
}

static void a_park_is_that_of_its_thread_alone(void **state)
{
	struct record record = new_record();
	pthread_t thread;

	(void)state;
	park_set(&record.park);
	assert_int_equal(pthread_create(&thread, NULL, wait_without_a_park, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(record.begun, 0);
	park_set(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_is_announced_once_at_either_end),
		cmocka_unit_test(without_a_park_nothing_happens),
		cmocka_unit_test(a_park_is_that_of_its_thread_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
