/* SPDX-License-Identifier: MIT */
/* Emulated descriptors on a machine that is shared (uiommufd run --shared). */
#include <sys/mman.h>

#include "check.h"
#include "device.h"

/* The headers of the system may be older than this part of the ABI. */
#define FAULT_QUEUE_ALLOC 0x3b8e

enum {
	HIGHEST = 1023
};

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd <= HIGHEST; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void a_failed_call_leaves_no_descriptor(void)
{
	const uint32_t cmd[4] = {sizeof(cmd)};
	int fd = open("/dev/iommu", O_RDWR), before;
	uint32_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0);

	memcpy(page, cmd, sizeof(cmd));
	CHECK(mprotect(page, 4096, PROT_READ) == 0);
	before = count_descriptors();
	CHECK(ioctl(fd, FAULT_QUEUE_ALLOC, page) < 0 && errno == EFAULT);
	CHECK(count_descriptors() == before);
	close(fd);
	munmap(page, 4096);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(a_failed_call_leaves_no_descriptor),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
