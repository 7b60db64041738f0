/* SPDX-License-Identifier: MIT */
/* Checked arithmetic and bit fields, at the ends of their ranges. */
#include "base/bits.h"
#include "base/check.h"
#include "kit.h"

static void sums_that_leave_64_bits_are_refused(void **state)
{
	static const struct {
		uint64_t a, b;
		int rc;
		uint64_t sum;
	} cases[] = {
		{0, 0, 0, 0},
		{UINT64_MAX, 0, 0, UINT64_MAX},
		{UINT64_MAX - 1, 1, 0, UINT64_MAX},
		{UINT64_MAX, 1, -EOVERFLOW, 0},
		{BIT(63), BIT(63), -EOVERFLOW, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t sum;

		assert_int_equal(check_add(cases[i].a, cases[i].b, &sum), cases[i].rc);
		if (!cases[i].rc)
			assert_int_equal(sum, cases[i].sum);
	}
}

static void a_range_may_end_at_the_last_address(void **state)
{
	uint64_t last;

	(void)state;
	assert_int_equal(check_last(0, UINT64_MAX, &last), 0);
	assert_int_equal(last, UINT64_MAX - 1);
	assert_int_equal(check_last(UINT64_MAX, 1, &last), 0);
	assert_int_equal(last, UINT64_MAX);
	assert_int_equal(check_last(UINT64_MAX - 9, 10, &last), 0);
	assert_int_equal(last, UINT64_MAX);
	assert_int_equal(check_last(UINT64_MAX - 9, 11, &last), -EOVERFLOW);
}

static void rounding_up_stays_or_overflows(void **state)
{
	uint64_t out;

	(void)state;
	assert_int_equal(check_align_up(0, PAGE, &out), 0);
	assert_int_equal(out, 0);
	assert_int_equal(check_align_up(1, PAGE, &out), 0);
	assert_int_equal(out, PAGE);
	assert_int_equal(check_align_up(PAGE, PAGE, &out), 0);
	assert_int_equal(out, PAGE);
	assert_int_equal(check_align_up(UINT64_MAX - PAGE + 1, PAGE, &out), 0);
	assert_int_equal(out, UINT64_MAX - PAGE + 1);
	assert_int_equal(check_align_up(UINT64_MAX - PAGE + 2, PAGE, &out), -EOVERFLOW);
}

static void alignment_and_powers_of_two_are_told(void **state)
{
	(void)state;
	assert_true(is_aligned(0, BIT(63)));
	assert_true(is_aligned(UINT64_MAX, 1));
	assert_false(is_aligned(UINT64_MAX, 2));
	assert_int_equal(align_down(UINT64_MAX, PAGE), UINT64_MAX - PAGE + 1);
	assert_false(is_power_of_two(0));
	assert_true(is_power_of_two(1));
	assert_true(is_power_of_two(BIT(63)));
	assert_false(is_power_of_two(BIT(63) | 1));
	assert_int_equal(lowest_bit(0), 0);
	assert_int_equal(lowest_bit(UINT64_MAX), 1);
	assert_int_equal(lowest_bit(BIT(63) | BIT(40)), BIT(40));
	assert_int_equal(log2_floor(1), 0);
	assert_int_equal(log2_floor(UINT64_MAX), 63);
	assert_int_equal(min_u64(UINT64_MAX, 1), 1);
	assert_int_equal(max_u64(UINT64_MAX, 1), UINT64_MAX);
}

static void fields_are_named_by_their_highest_and_lowest_bit(void **state)
{
	(void)state;
	assert_int_equal(BITS(0, 0), 1);
	assert_int_equal(BITS(63, 0), UINT64_MAX);
	assert_int_equal(BITS(63, 63), BIT(63));
	assert_int_equal(BITS(47, 12), UINT64_C(0xfffffffff000));
	assert_int_equal(bits_get(UINT64_C(0xabc0), BITS(15, 8)), 0xab);
	assert_int_equal(bits_get(UINT64_MAX, BITS(63, 63)), 1);
	assert_int_equal(bits_get(BIT(20), BITS(19, 0)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_that_leave_64_bits_are_refused),
		cmocka_unit_test(a_range_may_end_at_the_last_address),
		cmocka_unit_test(rounding_up_stays_or_overflows),
		cmocka_unit_test(alignment_and_powers_of_two_are_told),
		cmocka_unit_test(fields_are_named_by_their_highest_and_lowest_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
