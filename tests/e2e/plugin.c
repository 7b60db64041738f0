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

int main(void)
{
	static const struct check_test tests[] = {
		TEST(calls_of_the_library_are_answered),
		TEST(threads_that_begin_afterwards_are_as_the_first),
	};
	void *library = dlopen(getenv("E2E_PLUGIN"), RTLD_NOW);

#ifndef __x86_64__
	return 77; /* skipped */
#endif
	if (!library) {
		printf("%s\n", dlerror());
		return 1;
	}
	*(void **)&plugin_open = dlsym(library, "plugin_open");
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
