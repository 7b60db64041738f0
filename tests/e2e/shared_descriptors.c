/* SPDX-License-Identifier: MIT */
/* The numbers of emulated descriptors on a machine that is shared (uiommufd run --shared). */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "check.h"
#include "device.h"

/* The headers of the system may be older than this part of the ABI. */
#define FAULT_QUEUE_ALLOC 0x3b8e

enum {
	FIRST_STOPPED = 512,
	LAST_STOPPED = 1023,
};

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd <= LAST_STOPPED; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void emulated_descriptors_have_numbers_that_the_filter_stops(void)
{
	int fd = open("/dev/iommu", O_RDONLY | O_NONBLOCK), copy = fcntl(fd, F_DUPFD, 600);
	int high = fcntl(fd, F_DUPFD_CLOEXEC, LAST_STOPPED), none;
	struct termios terminal;
	char byte = 0;

	CHECK(fd >= FIRST_STOPPED && fd <= LAST_STOPPED && copy >= 600 && high == LAST_STOPPED);
	CHECK(fcntl(high, F_GETFD) == FD_CLOEXEC && !fcntl(copy, F_GETFD));
	none = fcntl(fd, F_DUPFD, LAST_STOPPED);
	CHECK(none < 0 || none > LAST_STOPPED);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(read(copy, &byte, 1) < 0 && errno == EINVAL);
	CHECK(write(copy, &byte, 1) < 0 && errno == EBADF);
	CHECK(ioctl(fd, TCGETS, &terminal) < 0 && errno == ENOTTY);
	CHECK(new_ioas(copy) >= 0);
	close(high);
	close(copy);
	close(fd);
	if (none >= 0)
		close(none);
}

static void without_such_numbers_it_is_the_lowest(void)
{
	const struct rlimit low = {.rlim_cur = 300, .rlim_max = 300};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int fd = setrlimit(RLIMIT_NOFILE, &low) ? -1 : open("/dev/iommu", O_RDWR);

		_exit(fd < 0 || fd >= 300 || new_ioas(fd) < 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void a_failed_call_leaves_no_descriptor(void)
{
	const uint32_t cmd[4] = {sizeof(cmd)};
	int fd = open("/dev/iommu", O_RDWR), before;
	uint32_t *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

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
		TEST(emulated_descriptors_have_numbers_that_the_filter_stops),
		TEST(without_such_numbers_it_is_the_lowest),
		TEST(a_failed_call_leaves_no_descriptor),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
