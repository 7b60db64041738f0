/* SPDX-License-Identifier: MIT */
/* Each step that can fail on the way to an NVMe controller, and its threads, fails in turn. */
#include <stdio.h>
#include <unistd.h>

#include "kit.h"
#include "machine/machine.h"

enum {
	MORE_THAN_ENOUGH = 1000,
	MEMORY_SIZE = 1 << 21,
	FILE_SIZE = 1 << 20,
};

/* The machine after each failure is as before, and takes the device when nothing fails. */
static void sweep_text(const char *text)
{
	struct machine *machine;
	char error[256];
	unsigned int n;
	int rc;

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
			/* Nothing is locked or kept. */
			assert_int_equal(machine_add_device(machine, text, error, sizeof(error)),
					 0);
		}
		machine_destroy(machine);
	}
	assert_true(n > 8 && n < MORE_THAN_ENOUGH);
}

static void a_controller_without_memory_is_not_there(void **state)
{
	(void)state;
	sweep_text("nvme,group=1000,size=1M,namespaces=2,cmb=64K,readonly");
}

static void a_file_is_let_go_of_when_there_is_no_memory(void **state)
{
	char path[] = "/tmp/nvme_fault.XXXXXX";
	int fd = mkstemp(path);
	char text[128];

	(void)state;
	assert_true(fd >= 0 && !ftruncate(fd, FILE_SIZE));
	snprintf(text, sizeof(text), "nvme,group=1000,file=%s", path);
	sweep_text(text);
	close(fd);
	unlink(path);
}

static void a_doorbell_without_a_thread_waits_for_the_next(void **state)
{
	const struct nvme_command flush = {.opcode = IO_FLUSH, .nsid = 1};
	struct nvme_completion completion;
	struct nvme_rig t;

	(void)state;
	assert_int_equal(nvme_open(&t, MEMORY_SIZE, NULL, 0), 0);
	assert_true(nvme_enable(&t));
	assert_int_equal(nvme_create_ring(&t, 1, 0), ST_SUCCESS);
	nvme_submit(&t, &t.rings[1], &flush);
	failure_arm(1);
	nvme_ring_tail(&t, &t.rings[1]);
	assert_int_equal(failure_disarm(), 0);
	assert_false(nvme_poll(&t.rings[1], &completion));
	nvme_ring_tail(&t, &t.rings[1]);
	completion = nvme_wait(&t, &t.rings[1]);
	assert_int_equal(nvme_status_of(&completion), ST_SUCCESS);
	nvme_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_controller_without_memory_is_not_there),
		cmocka_unit_test(a_file_is_let_go_of_when_there_is_no_memory),
		cmocka_unit_test(a_doorbell_without_a_thread_waits_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
