/* SPDX-License-Identifier: MIT */
/* A program with a library that wraps functions of the C library which are ours, too. */
#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/lib-names.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

extern _Atomic unsigned int wrapper_calls;

static void files_are_opened_by_the_wrapper(void)
{
	const unsigned int before = atomic_load(&wrapper_calls);
	int fd = openat(AT_FDCWD, "/etc/passwd", O_RDONLY);

	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(atomic_load(&wrapper_calls) > before);
}

static void *open_emulated(void *arg)
{
	int fd = openat(AT_FDCWD, "/dev/iommu", O_RDWR);

	CHECK(fd >= 0 && new_ioas(fd) == 1);
	close(fd);
	return arg;
}

static void threads_of_it_open_emulated_files(void)
{
	const unsigned int before = atomic_load(&wrapper_calls);
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, open_emulated, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(atomic_load(&wrapper_calls) > before);
}

static void others_get_ours_by_a_handle(void)
{
	int (*by_handle)(int, const char *, int, ...) = dlsym(dlopen(LIBC_SO, RTLD_LAZY), "openat");
	int fd = by_handle ? by_handle(AT_FDCWD, "/dev/iommu", O_RDWR) : -1;

	CHECK(fd >= 0 && new_ioas(fd) == 1);
	close(fd);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(files_are_opened_by_the_wrapper),
		TEST(threads_of_it_open_emulated_files),
		TEST(others_get_ours_by_a_handle),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
