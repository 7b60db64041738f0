/* SPDX-License-Identifier: MIT */
/* Failure injection by way of /proc and debugfs [TEST-FAIL]. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mock.h"

static int open_fail_nth(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth", syscall(SYS_gettid));
	fd = open(path, O_RDWR | O_CLOEXEC);
	expect_true(fd >= 0);
	return close_later(fd);
}

static void arm(int fd, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	expect_equal(pwrite(fd, text, (size_t)len, 0), len);
}

static unsigned long left(int fd)
{
	char text[16] = "";

	expect_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	expect_true(strchr(text, '\n') != NULL);
	return strtoul(text, NULL, 10);
}

static void the_settings_of_fault_injection_can_be_written(void **state)
{
	DIR *debug = opendir("/sys/kernel/debug/");
	struct dirent *entry;
	int found = 0, fd;

	(void)state;
	expect_true(debug != NULL);
	fd = openat(dirfd(debug), "failslab/ignore-gfp-wait", O_WRONLY);
	expect_true(fd >= 0);
	expect_equal(write(fd, "N", 1), 1);
	close(fd);
	while ((entry = readdir(debug)))
		found += !strncmp(entry->d_name, "fail", 4);
	closedir(debug);
	expect_true(found >= 2);
}

static void fail_nth_is_read_and_written(void **state)
{
	int fd = open_fail_nth();

	(void)state;
	expect_equal(left(fd), 0);
	arm(fd, 12);
	expect_equal(left(fd), 12);
	arm(fd, 0);
	expect_equal(left(fd), 0);
	expect_failed(EINVAL, pwrite(fd, "x", 1, 0));
	expect_failed(EINVAL, pwrite(fd, "-1", 2, 0));
}

static void fail_nth_of_the_process_is_that_of_its_first_thread(void **state)
{
	int fd = close_later(open("/proc/self/fail-nth", O_RDWR));

	(void)state;
	arm(fd, 3);
	expect_equal(left(open_fail_nth()), 3);
	arm(fd, 0);
}

static void the_nth_injectable_step_fails_once(void **state)
{
	struct fixture *t = fixture(state);
	int fd = open_fail_nth();
	int result;

	arm(fd, 1);
	result = do_ioctl(t->iommu, IOMMU_IOAS_ALLOC, CMD(iommu_ioas_alloc));
	expect_equal(left(fd), 0);
	expect_equal(-result, ENOMEM);
	new_ioas(t->iommu);
}

/* A scenario: each step may fail, then all is closed. */
static void scenario(void)
{
	int iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	static char memory[4 * 4096] __attribute__((aligned(4096)));
	struct iommu_test_cmd *cmd;

	if (iommu < 0)
		return;
	if (do_ioctl(iommu, IOMMU_IOAS_ALLOC, &ioas))
		goto out;
	cmd = TEST_CMD(MOCK_DOMAIN, ioas.out_ioas_id);
	if (do_ioctl(iommu, IOMMU_TEST_CMD, cmd))
		goto out;
	if (do_ioctl(iommu, IOMMU_IOAS_MAP,
		     CMD(iommu_ioas_map, .flags = RW, .ioas_id = ioas.out_ioas_id,
			 .user_va = (uintptr_t)memory, .length = sizeof(memory))))
		goto out;
	cmd = TEST_CMD(CREATE_ACCESS, ioas.out_ioas_id,
		       .create_access.flags = MOCK_ACCESS_NEEDS_PIN_PAGES);
	if (!do_ioctl(iommu, IOMMU_TEST_CMD, cmd))
		close((int)cmd->create_access.out_access_fd);
out:
	close(iommu);
}

static void a_scenario_ends_cleanly_whichever_step_fails(void **state)
{
	int fd = open_fail_nth();
	unsigned int n = 0;
	unsigned long rest;

	(void)state;
	do {
		arm(fd, ++n);
		scenario();
		rest = left(fd);
		arm(fd, 0);
		expect_true(n < 1000);
	} while (!rest);
	expect_true(n > 10);
}

int mock_fail_nth(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, the_settings_of_fault_injection_can_be_written, "TEST-FAIL.1"),
		CASE(context, fail_nth_is_read_and_written, "TEST-FAIL.2"),
		CASE(context, fail_nth_of_the_process_is_that_of_its_first_thread, "TEST-FAIL"),
		CASE(context, the_nth_injectable_step_fails_once, "TEST-FAIL.2"),
		CASE(context, a_scenario_ends_cleanly_whichever_step_fails,
		     "TEST-FAIL.2, IOAS-MAP-FILE.7b, ACCESS-PIN.4, VIOMMU-ALLOC.6, HW-QUEUE.6, "
		     "TEST-DEVICE.1, TEST-ACCESS-PAGES.5"),
	};

	return cmocka_run_group_tests_name("failure injection", tests, NULL, NULL);
}
