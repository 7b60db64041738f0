/* SPDX-License-Identifier: MIT */
/* The numbers of emulated descriptors on a machine that is shared (uiommufd run --shared). */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
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

/* What stands for one in the program's table is one. */
static void an_emulated_descriptor_is_no_socket(void)
{
	int fd = open("/dev/iommu", O_RDWR), epoll = epoll_create1(0), pair[2], type;
	struct epoll_event event = {.events = EPOLLIN};
	int yes = 1, no = 0;
	socklen_t size = sizeof(type);
	struct sockaddr name;

	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 && errno == EPERM);
	CHECK(shutdown(fd, SHUT_RDWR) < 0 && errno == ENOTSOCK);
	CHECK(ioctl(fd, FIOASYNC, &yes) < 0 && errno == ENOTTY && ioctl(fd, FIOASYNC, &no) == 0);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 && errno == ENOTSOCK);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &type, size) < 0 && errno == ENOTSOCK);
	size = sizeof(name);
	CHECK(getsockname(fd, &name, &size) < 0 && errno == ENOTSOCK);
	CHECK(getpeername(fd, &name, &size) < 0 && errno == ENOTSOCK);
	CHECK(new_ioas(fd) >= 0);
	/* The program's own are. */
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && dup2(pair[0], 700) == 700);
	size = sizeof(type);
	CHECK(getsockopt(700, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, 700, &event) == 0 && shutdown(700, SHUT_RDWR) == 0);
	close(700);
	close(pair[0]);
	close(pair[1]);
	close(epoll);
	close(fd);
}

static void an_event_queue_is_taken_by_epoll(void)
{
	uint32_t queue[4] = {sizeof(queue)};
	int fd = open("/dev/iommu", O_RDWR), epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};

	CHECK(ioctl(fd, FAULT_QUEUE_ALLOC, queue) == 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, (int)queue[3], &event) == 0);
	CHECK(epoll_wait(epoll, &event, 1, 0) == 1 && event.events == EPOLLOUT);
	close((int)queue[3]);
	close(epoll);
	close(fd);
}

static void a_device_opened_for_reading_is_not_written(void)
{
	int fd = open(device_path, O_RDONLY);
	char byte = 0;
	struct iovec vector = {&byte, 1};

	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
	      errno == EACCES);
	CHECK(pwrite(fd, &byte, 1, 0) < 0 && errno == EBADF);
	CHECK(preadv2(fd, &vector, 1, 0, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP);
	CHECK(preadv2(fd, &vector, 1, 0, 0) < 0 && errno == EINVAL);
	close(fd);
}

static bool is_node(int fd, const char *name)
{
	struct statx by_fd, by_name;
	struct stat st;

	return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &by_fd) == 0 &&
	       statx(AT_FDCWD, name, 0, STATX_BASIC_STATS, &by_name) == 0 && fstat(fd, &st) == 0 &&
	       S_ISCHR(by_fd.stx_mode) && by_fd.stx_mode == by_name.stx_mode &&
	       by_fd.stx_rdev_major == by_name.stx_rdev_major &&
	       by_fd.stx_rdev_minor == by_name.stx_rdev_minor && by_fd.stx_ino == by_name.stx_ino &&
	       st.st_ino == by_name.stx_ino && st.st_mode == by_name.stx_mode &&
	       by_fd.stx_size == 0;
}

static void a_descriptor_is_described_as_its_name(void)
{
	static const char *const names[] = {"/dev/iommu", "/dev/vfio/vfio",
					    "/dev/vfio/devices/vfio0"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = open(names[i], O_RDWR);

		CHECK(is_node(fd, names[i]));
		close(fd);
	}
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(emulated_descriptors_have_numbers_that_the_filter_stops),
		TEST(without_such_numbers_it_is_the_lowest),
		TEST(a_failed_call_leaves_no_descriptor),
		TEST(an_emulated_descriptor_is_no_socket),
		TEST(an_event_queue_is_taken_by_epoll),
		TEST(a_device_opened_for_reading_is_not_written),
		TEST(a_descriptor_is_described_as_its_name),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
