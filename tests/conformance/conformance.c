/* SPDX-License-Identifier: MIT */
/* Programs, fixture, expectations, children (conformance.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance.h"

enum {
	EXIT_SKIPPED = 77
};

/* True in a process that run_in_child() made: it must not return to the test runner. */
static bool in_child;

/* ---- programs ---- */

static bool strict(void)
{
	return getenv("CONFORMANCE_STRICT") != NULL;
}

int run_groups(int argc, char **argv, const group_function *groups, size_t count)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	int failed = 0;

	if (fd < 0) {
		fprintf(stderr, "/dev/iommu: %s: nothing to test here\n", strerror(errno));
		return strict() ? EXIT_FAILURE : EXIT_SKIPPED;
	}
	close(fd);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (size_t i = 0; i < count; i++)
		failed += groups[i]();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- fixture ---- */

int open_context(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		conformance_fail(HERE, "/dev/iommu: %s", strerror(errno));
	return close_later(fd);
}

unsigned int device_number(unsigned int index)
{
	const char *first = getenv("CONFORMANCE_DEVICE");

	return (first ? (unsigned int)strtoul(first, NULL, 10) : 0) + index;
}

int open_device(unsigned int index)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/devices/vfio%u", device_number(index));
	return open(path, O_RDWR | O_CLOEXEC);
}

int need_device(unsigned int index)
{
	int fd = open_device(index);

	if (fd >= 0)
		return close_later(fd);
	if (strict())
		conformance_fail(HERE, "device %u: %s", index, strerror(errno));
	skip_test(index ? "the machine has too few VFIO devices" : "no /dev/vfio/devices/vfio0");
}

int setup_context(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	*state = t;
	t->device = -1;
	t->iommu = open_context();
	return 0;
}

int setup_ioas(void **state)
{
	struct fixture *t;

	if (setup_context(state))
		return -1;
	t = *state;
	t->ioas = new_ioas(t->iommu);
	return 0;
}

int setup_cdev(void **state)
{
	struct fixture *t;

	if (setup_ioas(state))
		return -1;
	t = *state;
	t->device = open_device(0);
	t->missing = t->device < 0;
	if (!t->missing)
		close_later(t->device);
	return 0;
}

int setup_bound(void **state)
{
	struct fixture *t;

	if (setup_cdev(state))
		return -1;
	t = *state;
	if (!t->missing)
		t->dev_id = bind_device(t->device, t->iommu);
	return 0;
}

int setup_attached(void **state)
{
	struct fixture *t;

	if (setup_bound(state))
		return -1;
	t = *state;
	if (!t->missing)
		t->hwpt = attach_device(t->device, t->ioas);
	return 0;
}

int teardown(void **state)
{
	mem_release();
	free(*state);
	*state = NULL;
	return 0;
}

struct fixture *fixture(void **state)
{
	struct fixture *t = *state;

	if (t->missing)
		need_device(0);
	return t;
}

/* ---- expectations ---- */

void conformance_fail(const char *file, int line, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (in_child) {
		fprintf(stderr, "%s:%d: in a child: %s\n", file, line, text);
		_exit(EXIT_FAILURE);
	}
	print_error("%s\n", text);
	_fail(file, line);
	abort(); /* not reached */
}

void skip_test(const char *reason)
{
	if (in_child) {
		fprintf(stderr, "skipped: %s\n", reason);
		_exit(EXIT_SKIPPED);
	}
	print_message("skipped: %s\n", reason);
	skip();
	abort(); /* not reached */
}

int do_ioctl(int fd, unsigned long cmd, const void *arg)
{
	int result = ioctl(fd, cmd, arg);

	return result < 0 ? -errno : result;
}

/* "success" or the name of the errno. */
static const char *error_text(int error)
{
	const char *text = error ? strerrorname_np(error) : "success";

	return text ? text : "an unknown errno";
}

int expect_ioctl(int error, int fd, unsigned long cmd, const char *name, const void *arg,
		 const char *file, int line)
{
	int result = do_ioctl(fd, cmd, arg);
	int is = result < 0 ? -result : 0;

	if (is != error)
		conformance_fail(file, line, "%s: %s, expected %s", name, error_text(is),
				 error_text(error));
	return result;
}

void expect_syscall_failed(int error, long result, const char *name, const char *file, int line)
{
	int is = result == -1 ? errno : 0;

	if (is != error)
		conformance_fail(file, line, "%s: %s, expected %s", name, error_text(is),
				 error_text(error));
}

static void check_link(const char *file, int line, int dir, const char *path, const char *expected)
{
	char name[256] = "";

	if (readlinkat(dir, path, name, sizeof(name) - 1) < 0)
		conformance_fail(file, line, "%s: %s", path, strerror(errno));
	if (strcmp(name, expected) != 0)
		conformance_fail(file, line, "%s is %s, expected %s", path, name, expected);
}

void check_fd_name(const char *file, int line, int fd, const char *name)
{
	int dir = close_later(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check_link(file, line, AT_FDCWD, path, name);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	check_link(file, line, AT_FDCWD, path, name);
	snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
	check_link(file, line, AT_FDCWD, path, name);
	snprintf(path, sizeof(path), "%d", fd);
	check_link(file, line, dir, path, name);
}

void run_in_child(void (*function)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		conformance_fail(HERE, "fork: %s", strerror(errno));
	if (!pid) {
		in_child = true;
		function(arg);
		_exit(EXIT_SUCCESS);
	}
	if (waitpid(pid, &status, 0) != pid)
		conformance_fail(HERE, "waitpid: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED)
		skip_test("as the child says");
	if (WIFSIGNALED(status))
		conformance_fail(HERE, "the child was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		conformance_fail(HERE, "the child failed");
}
