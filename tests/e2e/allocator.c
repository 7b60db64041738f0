/* SPDX-License-Identifier: MIT */
/*
 * A program whose allocator is a library (allocator_library.c) that must not be called by what it
 * calls itself. Needs one edu.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum {
	BLOCK = 1 << 17, /* has a mapping of its own */
	IOVA = 1 << 20,
};

extern _Atomic unsigned long allocator_calls;

static int context = -1;

static void the_allocator_is_the_programs(void)
{
	const unsigned long before = atomic_load(&allocator_calls);
	void *volatile block = malloc(BLOCK); /* compilers leave out what nobody looks at */

	free(block);
	CHECK(atomic_load(&allocator_calls) >= before + 2);
}

static void files_are_found(void)
{
	DIR *dir = opendir("/dev/vfio");
	FILE *file = fopen("/sys/class/iommu/../../kernel/iommu_groups/x", "r");

	CHECK(dir && !file);
	if (dir)
		closedir(dir);
	context = open("/dev/iommu", O_RDWR);
	CHECK(context >= 0 && new_ioas(context) == 1);
}

/* What the allocator gives back is pinned: the engine keeps it, with the allocator's lock held. */
static void memory_that_is_pinned_is_freed(void)
{
	for (int i = 0; i < 20; i++) {
		char *block = malloc(BLOCK);
		struct ioas_map map = {
			.size = sizeof(map),
			.flags = 6,
			.ioas_id = 1,
			.user_va = ((uintptr_t)block + 4095) & ~(uintptr_t)4095,
			.length = BLOCK / 2,
		};

		CHECK(block && ioctl(context, IOMMU_IOAS_MAP, &map) == 0);
		free(block);
	}
}

static void *allocate(void *arg)
{
	for (int i = 0; i < 200; i++) {
		int fd = open("/dev/vfio/devices/vfio0", O_RDWR);
		void *block = malloc(i % 2 ? BLOCK : 100);

		CHECK(fd >= 0 && block);
		free(block);
		close(fd);
	}
	return arg;
}

static void threads_allocate_and_open_devices(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, allocate, NULL) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void children_and_libraries_work(void)
{
	void *library = dlopen("libm.so.6", RTLD_NOW);
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		void *volatile block = malloc(BLOCK);

		free(block);
		_exit(new_ioas(context) == 2 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(system("exit 3") >> 8 == 3);
	if (library)
		dlclose(library);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(the_allocator_is_the_programs),  TEST(files_are_found),
		TEST(memory_that_is_pinned_is_freed), TEST(threads_allocate_and_open_devices),
		TEST(children_and_libraries_work),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
