/* SPDX-License-Identifier: MIT */
/* Injected failures, and allocation, which asks for them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fail.h"

static void nothing_fails_when_not_armed(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(fail_inject());
	assert_int_equal(fail_left(), 0);
}

static void the_nth_question_is_answered_yes_once(void **state)
{
	(void)state;
	fail_arm(3);
	assert_false(fail_inject());
	assert_int_equal(fail_left(), 2);
	assert_false(fail_inject());
	assert_true(fail_inject());
	assert_int_equal(fail_left(), 0);
	assert_false(fail_inject());
}

static void arming_with_0_disarms(void **state)
{
	(void)state;
	fail_arm(1);
	fail_arm(0);
	assert_false(fail_inject());
}

static void *ask_once(void *arg)
{
	*(bool *)arg = fail_inject();
	return NULL;
}

static void the_count_is_the_threads_own(void **state)
{
	pthread_t thread;
	bool hit = true;

	(void)state;
	fail_arm(1);
	assert_int_equal(pthread_create(&thread, NULL, ask_once, &hit), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(hit);
	assert_true(fail_inject());
}

static void every_allocation_can_be_made_to_fail(void **state)
{
	char *array = alloc_array(4, 1);

	(void)state;
	assert_non_null(array);
	memset(array, 7, 4);
	fail_arm(1);
	assert_null(alloc_zeroed(8));
	fail_arm(1);
	assert_null(alloc_aligned(64, 8));
	fail_arm(1);
	assert_null(alloc_array(8, 8));
	fail_arm(1);
	assert_null(alloc_resize(array, 1000, 1000));
	assert_int_equal(array[3], 7);
	alloc_free(array);
}

static void memory_is_zeroed_and_aligned(void **state)
{
	static const unsigned char zeros[1024];
	unsigned char *plain = alloc_zeroed(sizeof(zeros));
	unsigned char *aligned = alloc_aligned(64, sizeof(zeros));

	(void)state;
	assert_memory_equal(plain, zeros, sizeof(zeros));
	assert_memory_equal(aligned, zeros, sizeof(zeros));
	assert_int_equal((uintptr_t)aligned % 64, 0);
	alloc_free(plain);
	alloc_free(aligned);
}

/* Of sizes between two classes, and of those that are mappings of their own. */
static void an_array_keeps_its_content_when_it_changes_its_size(void **state)
{
	static const size_t sizes[] = {1, 64, 65, 5000, 30000, 33000, 3 << 20, 200000, 100, 1};
	unsigned char *array = NULL;
	size_t had = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		array = alloc_resize(array, sizes[i], 1);
		assert_non_null(array);
		for (size_t at = 0; at < had && at < sizes[i]; at++)
			assert_int_equal(array[at], (unsigned char)(at * 7));
		for (size_t at = 0; at < sizes[i]; at++)
			array[at] = (unsigned char)(at * 7);
		had = sizes[i];
	}
	alloc_free(array);
}

static void an_array_whose_size_overflows_is_refused(void **state)
{
	volatile size_t half = SIZE_MAX / 2;

	(void)state;
	assert_null(alloc_array(half, 4));
	assert_null(alloc_resize(NULL, half, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_fails_when_not_armed),
		cmocka_unit_test(the_nth_question_is_answered_yes_once),
		cmocka_unit_test(arming_with_0_disarms),
		cmocka_unit_test(the_count_is_the_threads_own),
		cmocka_unit_test(every_allocation_can_be_made_to_fail),
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(an_array_keeps_its_content_when_it_changes_its_size),
		cmocka_unit_test(an_array_whose_size_overflows_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
