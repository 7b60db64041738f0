/* SPDX-License-Identifier: MIT */
/* Each step that can fail on the way to an e1000, and its threads, fails in turn. */
#include <stdio.h>
#include <unistd.h>

#include "kit.h"
#include "machine/machine.h"

enum {
	MORE_THAN_ENOUGH = 1000
};

static void a_device_without_memory_is_not_there(void **state)
{
	static const char text[] = "e1000,group=1000,mac=02:00:00:00:00:01,backend=none";
	struct machine *machine;
	char error[256];
	unsigned int n;
	int rc;

	(void)state;
	for (n = 1; n < MORE_THAN_ENOUGH; n++) {
		assert_int_equal(machine_create(&machine), 0);
		failure_arm(n);
		rc = machine_add_device(machine, text, error, sizeof(error));
		if (!rc && failure_left()) {
			failure_disarm();
			machine_destroy(machine);
			break;
		}
		failure_disarm();
		if (rc) {
			assert_int_equal(rc, -ENOMEM);
			assert_string_equal(error, "out of memory");
			assert_null(machine_device(machine, 0));
			assert_int_equal(machine_add_device(machine, text, error, sizeof(error)),
					 0);
		}
		machine_destroy(machine);
	}
	assert_true(n > 5 && n < MORE_THAN_ENOUGH);
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
