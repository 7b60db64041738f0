/* SPDX-License-Identifier: MIT */
/* Everything that may happen to the number of an emulated descriptor. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int open_context(void)
{
	int fd = open("/dev/iommu", O_RDWR);

	CHECK(fd >= 0);
	return fd;
}

static bool works(int fd)
{
	return new_ioas(fd) > 0;
}

static bool is_closed(int fd)
{
	return new_ioas(fd) < 0 && errno == EBADF;
}

static void each_open_gives_a_context_of_its_own(void)
{
	int a = open_context();
	int b = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	CHECK(new_ioas(a) == 1);
	CHECK(new_ioas(b) == 1);
	CHECK(new_ioas(a) == 2);
	CHECK(fcntl(a, F_GETFD) == 0);
	CHECK(fcntl(b, F_GETFD) == FD_CLOEXEC);
	close(a);
	close(b);
	CHECK(is_closed(a));
}

static void duplicates_share_one_context(void)
{
	int fd = open_context();
	int copies[] = {dup(fd), dup2(fd, 100), dup3(fd, 101, O_CLOEXEC), fcntl(fd, F_DUPFD, 200),
			fcntl(fd, F_DUPFD_CLOEXEC, 200)};

	CHECK(new_ioas(fd) == 1);
	CHECK(close(fd) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK(copies[i] >= 0);
		CHECK(new_ioas(copies[i]) == i + 2);
	}
	CHECK(fcntl(101, F_GETFD) == FD_CLOEXEC);
	CHECK(copies[3] >= 200 && copies[4] > copies[3]);
	for (int i = 0; i < 5; i++)
		CHECK(close(copies[i]) == 0);
	CHECK(is_closed(copies[0]));
}

static void dup2_replaces_what_the_number_was(void)
{
	int pipes[2];
	int a = open_context();
	int b = open_context();

	CHECK(new_ioas(b) == 1);
	CHECK(dup2(a, b) == b);
	CHECK(new_ioas(b) == 1); /* of the context of a */
	CHECK(dup2(b, b) == b);
	CHECK(works(b));
	CHECK(pipe(pipes) == 0);
	CHECK(dup2(pipes[1], b) == b);
	CHECK(write(b, "x", 1) == 1);
	CHECK(new_ioas(b) < 0 && errno == ENOTTY);
	CHECK(dup2(99, a) < 0 && errno == EBADF);
	CHECK(works(a));
	CHECK(dup3(a, a, 0) < 0 && errno == EINVAL);
	CHECK(works(a));
	close(a);
	close(b);
	close(pipes[0]);
	close(pipes[1]);
}

/* Opens @path under the number @fd, which is free: the next, or, on a shared machine, not. */
static int open_as(const char *path, int fd)
{
	int got = open(path, O_RDWR);

	if (got == fd)
		return fd;
	CHECK(dup2(got, fd) == fd);
	close(got);
	return fd;
}

static void a_number_that_is_used_again_is_the_new_file(void)
{
	int fd = open_context();
	int again;

	close(fd);
	again = open_as("/dev/null", fd);
	CHECK(new_ioas(again) < 0 && errno == ENOTTY);
	CHECK(write(again, "x", 1) == 1);
	close(again);

	/* Closed without the C library's knowing. */
	fd = open_context();
	syscall(SYS_close, fd);
	again = open_as("/dev/null", fd);
	CHECK(new_ioas(again) < 0 && errno == ENOTTY);
	close(again);
}

static void ranges_close_what_is_in_them(void)
{
	int a = dup2(open_context(), 300);
	int b = dup2(a, 301);
	int c = dup2(a, 400);

	CHECK(close_range(301, 400, CLOSE_RANGE_CLOEXEC) == 0);
	CHECK(works(b) && works(c));
	CHECK(fcntl(c, F_GETFD) == FD_CLOEXEC);
	CHECK(close_range(300, 301, 0) == 0);
	CHECK(is_closed(a) && is_closed(b) && works(c));
	CHECK(close_range(10, 9, 0) < 0 && errno == EINVAL);
#if __GLIBC_PREREQ(2, 34)
	closefrom(302);
	CHECK(is_closed(c));
#endif
}

static void a_stream_that_is_closed_closes_its_descriptor(void)
{
	int fd = open_context();
	FILE *stream = fdopen(fd, "r+");

	CHECK(stream != NULL);
	CHECK(works(fileno(stream)));
	CHECK(fclose(stream) == 0);
	CHECK(is_closed(fd));
	stream = fopen("/dev/iommu", "r+e");
	CHECK(stream != NULL && works(fileno(stream)));
	CHECK(fcntl(fileno(stream), F_GETFD) == FD_CLOEXEC);
	fclose(stream);
}

/* As subprocess modules do: the child closes its own descriptors, not the parent's. */
static void a_vforked_child_leaves_the_parents_descriptors_alone(void)
{
	int fd = open_context();
	int null = open("/dev/null", O_RDWR);
	char before[4096], after[4096];
	int status = -1;
	pid_t pid;

	CHECK(getcwd(before, sizeof(before)) != NULL);
	pid = vfork();
	if (pid == 0) {
		if (chdir("/sys/bus/pci"))
			_exit(1);
		dup2(null, fd);
		close(fd);
		close_range(3, ~0u, 0);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	CHECK(works(fd));
	CHECK(getcwd(after, sizeof(after)) != NULL && strcmp(before, after) == 0);
	close(fd);
	close(null);
}

static void a_forked_child_has_a_copy_of_its_own(void)
{
	int fd = open_context();
	int status = -1;
	pid_t pid;

	CHECK(new_ioas(fd) == 1);
	pid = fork();
	if (pid == 0) {
		bool ok = new_ioas(fd) == 2 && close(fd) == 0 && works(open_context());

		_exit(ok ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	CHECK(new_ioas(fd) == 2);
	close(fd);
}

static void errno_is_left_alone_by_what_succeeds(void)
{
	struct stat st;
	int fd;

	errno = 77;
	fd = open("/dev/iommu", O_RDWR);
	CHECK(errno == 77);
	new_ioas(fd);
	CHECK(errno == 77);
	CHECK(fstat(fd, &st) == 0 && stat("/dev/iommu", &st) == 0);
	CHECK(access("/sys/bus/pci/devices", F_OK) == 0);
	CHECK(errno == 77);
	close(dup(fd));
	close(fd);
	CHECK(errno == 77);
}

static void a_context_answers_as_the_kernels_to_other_calls(void)
{
	int fd = open_context();
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};
	char byte = 0;
	int on = 1;

	CHECK(read(fd, &byte, 1) < 0 && errno == EINVAL);
	CHECK(write(fd, &byte, 1) < 0 && errno == EINVAL);
	CHECK(lseek(fd, 0, SEEK_SET) < 0 && errno == ESPIPE);
	CHECK(pread(fd, &byte, 1, 0) < 0);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK(ioctl(fd, 0x12345678, 0) < 0 && errno == ENOTTY);
	CHECK(ioctl(fd, IOMMU_IOAS_ALLOC, 8) < 0 && errno == EFAULT);
	CHECK(ioctl(fd, FIONBIO, &on) == 0);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(poll(&poll_fd, 1, 0) == 1);
	close(fd);
}

static void opening_checks_what_open_checks(void)
{
	int fd = open("/dev/iommu", O_RDONLY);
	char byte = 0;

	CHECK(works(fd));
	CHECK(write(fd, &byte, 1) < 0 && errno == EBADF);
	close(fd);
	CHECK(open("/dev/iommu", O_RDWR | O_CREAT | O_EXCL, 0600) < 0 && errno == EEXIST);
	CHECK(open("/dev/iommu", O_RDONLY | O_DIRECTORY) < 0 && errno == ENOTDIR);
	CHECK(open("/dev/iommu/", O_RDONLY) < 0 && errno == ENOTDIR);
	CHECK(open("/dev/iommu/x", O_RDONLY) < 0 && errno == ENOTDIR);
	CHECK(open("/dev/vfio/x", O_RDONLY) < 0 && errno == ENOENT);
	CHECK(open("/dev/vfio/devices/vfio99", O_RDWR) < 0 && errno == ENOENT);
}

/* ---- numbers that the engine keeps ---- */

struct irq_set {
	uint32_t argsz, flags, index, start, count;
	int32_t fd;
};

#define VFIO_DEVICE_SET_IRQS	  0x3b6e
#define VFIO_DEVICE_BIND_IOMMUFD  0x3b76
#define VFIO_IRQ_SET_NONE_TRIGGER 0x21
#define VFIO_IRQ_SET_FD_TRIGGER	  0x24

static bool interrupts(int device, int event)
{
	struct irq_set trigger = {.argsz = 20, .flags = VFIO_IRQ_SET_NONE_TRIGGER, .count = 1};
	uint64_t value = 0;

	return ioctl(device, VFIO_DEVICE_SET_IRQS, &trigger) == 0 &&
	       read(event, &value, sizeof(value)) == sizeof(value);
}

static void interrupts_go_on_whatever_numbers_are_closed(void)
{
	int iommu = open_context();
	int device = open("/dev/vfio/devices/vfio0", O_RDWR);
	int event = eventfd(0, EFD_NONBLOCK);
	uint32_t bind[4] = {sizeof(bind), 0, (uint32_t)iommu};
	struct irq_set set = {
		.argsz = sizeof(set), .flags = VFIO_IRQ_SET_FD_TRIGGER, .count = 1, .fd = event};
	struct rlimit limit;
	int high = 1 + (device > event ? device : event);
	struct stat st;

	CHECK(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, bind) == 0);
	CHECK(ioctl(device, VFIO_DEVICE_SET_IRQS, &set) == 0 && interrupts(device, event));
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (int fd = 500; fd < 1000; fd++)
		CHECK(fd == iommu || fd == device || dup2(0, fd) == fd);
	CHECK(interrupts(device, event));
	for (rlim_t fd = (rlim_t)high; fd < limit.rlim_cur + 1000 && fd < 30000; fd++)
		close((int)fd);
	CHECK(interrupts(device, event));
	CHECK(close_range((unsigned int)high, ~0u, 0) == 0 && interrupts(device, event));
	closefrom(high);
	CHECK(interrupts(device, event));
	for (int fd = high; fd < 1000; fd++)
		CHECK(fstat(fd, &st) == -1 && errno == EBADF);
	close(event);
	close(device);
	close(iommu);
}

/* Where there are no numbers above the soft limit. */
static void a_kept_number_is_not_replaced(void)
{
	const struct rlimit few = {600, 600};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		uint32_t bind[4] = {sizeof(bind)};
		struct irq_set set = {
			.argsz = sizeof(set), .flags = VFIO_IRQ_SET_FD_TRIGGER, .count = 1};
		int device, busy = 0;

		check_failed = false;
		CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
		bind[2] = (uint32_t)open_context();
		device = open("/dev/vfio/devices/vfio0", O_RDWR);
		set.fd = eventfd(0, EFD_NONBLOCK);
		CHECK(ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, bind) == 0);
		CHECK(ioctl(device, VFIO_DEVICE_SET_IRQS, &set) == 0);
		for (int fd = 500; fd < 600; fd++)
			busy += dup2(0, fd) == -1 && errno == EBUSY;
		CHECK(busy > 0 && interrupts(device, set.fd));
		_exit(check_failed);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void a_full_table_is_EMFILE(void)
{
	const struct rlimit few = {40, 40};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int last = -1, fd;

		check_failed = false;
		CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
		while ((fd = open("/dev/null", O_RDONLY)) >= 0)
			last = fd;
		CHECK(open("/dev/iommu", O_RDWR) == -1 && errno == EMFILE);
		CHECK(open("/dev/vfio/devices/vfio0", O_RDWR) == -1 && errno == EMFILE);
		close(last);
		CHECK(open("/dev/iommu", O_RDWR) == last);
		_exit(check_failed);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(a_full_table_is_EMFILE),
		TEST(a_kept_number_is_not_replaced),
		TEST(interrupts_go_on_whatever_numbers_are_closed),
		TEST(each_open_gives_a_context_of_its_own),
		TEST(duplicates_share_one_context),
		TEST(dup2_replaces_what_the_number_was),
		TEST(a_number_that_is_used_again_is_the_new_file),
		TEST(ranges_close_what_is_in_them),
		TEST(a_stream_that_is_closed_closes_its_descriptor),
		TEST(a_vforked_child_leaves_the_parents_descriptors_alone),
		TEST(a_forked_child_has_a_copy_of_its_own),
		TEST(errno_is_left_alone_by_what_succeeds),
		TEST(a_context_answers_as_the_kernels_to_other_calls),
		TEST(opening_checks_what_open_checks),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
