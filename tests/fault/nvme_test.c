/* SPDX-License-Identifier: MIT */
/* Each step that can fail on the way to an NVMe controller, and its threads, fails in turn. */
#include <stdio.h>
#include <unistd.h>

#include "kit.h"

enum {
	MEMORY_SIZE = 1 << 21,
	FILE_SIZE = 1 << 20,
};

static void a_controller_without_memory_is_not_there(void **state)
{
	(void)state;
	assert_true(sweep_device("nvme,group=1000,size=1M,namespaces=2,cmb=64K,readonly") > 7);
}

static void a_file_is_let_go_of_when_there_is_no_memory(void **state)
{
	char path[] = "/tmp/nvme_fault.XXXXXX";
	int fd = mkstemp(path);
	char text[128];

	(void)state;
	assert_true(fd >= 0 && !ftruncate(fd, FILE_SIZE));
	snprintf(text, sizeof(text), "nvme,group=1000,file=%s", path);
	assert_true(sweep_device(text) > 7);
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
