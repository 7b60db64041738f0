/* SPDX-License-Identifier: MIT */
/* Each step that can fail on the way to an e1000, and its threads, fails in turn. */
#include <stdio.h>
#include <unistd.h>

#include "kit.h"

static void a_device_without_memory_is_not_there(void **state)
{
	(void)state;
	assert_true(sweep_device("e1000,group=1000,mac=02:00:00:00:00:01,backend=none") > 4);
}

static void a_tail_without_a_thread_waits_for_the_next(void **state)
{
	struct e1000_received frame;
	struct e1000_rig t;

	(void)state;
	assert_int_equal(e1000_open(&t, NULL, 0), 0);
	failure_arm(1);
	(void)e1000_get(&t, E1000_STATUS); /* which starts the thread */
	failure_disarm();
	e1000_start(&t, RCTL_UPE | RCTL_SECRC);
	e1000_fill(&t, 0, 100, 1);
	e1000_data_at(&t, 0)[0] &= 0xfe;
	e1000_send(&t, 0, 100, 0, 0);
	assert_true(e1000_wait(&t, &frame));
	assert_int_equal(frame.len, 100);
	e1000_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_without_memory_is_not_there),
		cmocka_unit_test(a_tail_without_a_thread_waits_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
