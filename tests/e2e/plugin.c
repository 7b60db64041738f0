/* SPDX-License-Identifier: MIT */
/*
 * A program without system calls of its own opens a library that has some (plugin_library.c), as
 * interpreters open their extensions. x86-64.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static int (*plugin_open)(const char *path);

static void *open_in_thread(void *fd)
{
	*(int *)fd = plugin_open("/dev/iommu");
	return NULL;
}

static void calls_of_the_library_are_answered(void)
{
	int fd = plugin_open("/dev/iommu");

	CHECK(fd >= 0 && new_ioas(fd) > 0);
	CHECK(close(fd) == 0);
	CHECK(plugin_open("/dev/vfio/none") == -ENOENT);
}

static void threads_that_begin_afterwards_are_as_the_first(void)
{
	pthread_t thread;
	int fd = -1;

	CHECK(pthread_create(&thread, NULL, open_in_thread, &fd) == 0);
	pthread_join(thread, NULL);
	CHECK(fd >= 0 && new_ioas(fd) > 0);
	CHECK(close(fd) == 0);
}

/* Comes first: once calls are dispatched nothing is looked at any more. */
static void a_mapping_of_code_that_is_longer_than_its_file_is_looked_at(void)
{
	void *library = dlopen(getenv("E2E_SPARSE"), RTLD_NOW);

	CHECK(library && dlsym(library, "plugin_sparse"));
}

int main(void)
{
	static const struct check_test before[] = {
		TEST(a_mapping_of_code_that_is_longer_than_its_file_is_looked_at),
	};
	static const struct check_test tests[] = {
		TEST(calls_of_the_library_are_answered),
		TEST(threads_that_begin_afterwards_are_as_the_first),
	};
	void *library;

#ifndef __x86_64__
	return 77; /* skipped */
#endif
	if (run_tests(before, 1))
		return 1;
	library = dlopen(getenv("E2E_PLUGIN"), RTLD_NOW);
	if (!library) {
		printf("%s\n", dlerror());
		return 1;
	}
	*(void **)&plugin_open = dlsym(library, "plugin_open");
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
