/* SPDX-License-Identifier: MIT */
/* When doorbells are looked for, and when they trap because looking comes too late. */
#include "vfio/look_pace.h"

#include "kit.h"

enum {
	START = 5000,
	SOON = LOOK_LATE_NS / 2,
};

static struct look_pace pace;

static int setup(void **state)
{
	(void)state;
	pace = (struct look_pace){.until = 0};
	return 0;
}

/* Looks late after having begun at @now. Returns the end of the pause. */
static uint64_t pause_at(uint64_t now)
{
	assert_true(look_pace_begin(&pace, now));
	now += LOOK_LATE_NS + 1;
	assert_true(look_pace_is_late(&pace, now));
	look_pace_pause(&pace, now);
	return now + pace.pause;
}

static void who_looks_in_time_goes_on(void **state)
{
	(void)state;
	assert_true(look_pace_begin(&pace, START));
	for (uint64_t now = START; now < START + UINT64_C(100) * SOON; now += SOON)
		assert_false(look_pace_is_late(&pace, now));
}

/* The time before the beginning does not count. */
static void the_first_look_is_not_late(void **state)
{
	(void)state;
	assert_true(look_pace_begin(&pace, START));
	assert_true(look_pace_begin(&pace, START + UINT64_C(100) * LOOK_LATE_NS));
	assert_false(look_pace_is_late(&pace, START + UINT64_C(100) * LOOK_LATE_NS));
	/* Another thread's clock was read a moment before. */
	assert_false(look_pace_is_late(&pace, START + UINT64_C(100) * LOOK_LATE_NS - 1));
}

static void a_late_look_makes_a_pause(void **state)
{
	uint64_t end = pause_at(START);

	(void)state;
	assert_int_equal(pace.pause, LOOK_PAUSE_NS);
	assert_false(look_pace_begin(&pace, end - 1));
	assert_true(look_pace_begin(&pace, end));
}

static void pauses_in_a_row_grow_to_a_limit(void **state)
{
	uint64_t now = START, before = LOOK_PAUSE_NS / 2;

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		now = pause_at(now);
		assert_int_equal(pace.pause,
				 before < LOOK_MAX_PAUSE_NS ? 2 * before : LOOK_MAX_PAUSE_NS);
		before = pace.pause;
	}
	assert_int_equal(before, LOOK_MAX_PAUSE_NS);
}

static void a_pause_long_ago_is_forgotten(void **state)
{
	uint64_t now = pause_at(pause_at(START));

	(void)state;
	assert_int_equal(pace.pause, 2 * LOOK_PAUSE_NS);
	(void)pause_at(now + 2 * pace.pause);
	assert_int_equal(pace.pause, LOOK_PAUSE_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_looks_in_time_goes_on, setup),
		cmocka_unit_test_setup(the_first_look_is_not_late, setup),
		cmocka_unit_test_setup(a_late_look_makes_a_pause, setup),
		cmocka_unit_test_setup(pauses_in_a_row_grow_to_a_limit, setup),
		cmocka_unit_test_setup(a_pause_long_ago_is_forgotten, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
