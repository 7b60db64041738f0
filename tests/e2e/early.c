/* SPDX-License-Identifier: MIT */
/*
 * A difficult program: it has an allocator of its own, which takes all from mmap and gives all back
 * with munmap; it opens a file before even the C library is set up; a library of its opens an
 * emulated one in a constructor, which runs before those of what is preloaded; and it has functions
 * of its own for two of the C library's, which are not ready before it begins.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define HEAD ((size_t)4096) /* a page before each block, which holds its size */

void *malloc(size_t size)
{
	size_t *head =
		mmap(NULL, HEAD + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (head == MAP_FAILED)
		return NULL;
	*head = size;
	return (char *)head + HEAD;
}

void free(void *block)
{
	size_t *head = block ? (size_t *)((char *)block - HEAD) : NULL;

	if (head)
		munmap(head, HEAD + *head);
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? NULL : malloc(bytes);
}

void *realloc(void *block, size_t size)
{
	void *moved = malloc(size);
	size_t old = block ? *(size_t *)((char *)block - HEAD) : 0;

	if (moved && block)
		memcpy(moved, block, old < size ? old : size);
	if (moved)
		free(block);
	return moved;
}

int posix_memalign(void **block, size_t align, size_t size)
{
	*block = align <= HEAD ? malloc(size) : NULL;
	return *block ? 0 : ENOMEM;
}

void *aligned_alloc(size_t align, size_t size)
{
	return align <= HEAD ? malloc(size) : NULL;
}

static bool begun, called_early;

__attribute__((visibility("default"))) int
dl_iterate_phdr(int (*look)(struct dl_phdr_info *info, size_t size, void *arg), void *arg)
{
	(void)look, (void)arg;
	called_early |= !begun;
	return 0;
}

__attribute__((visibility("default"))) void *dlmopen(Lmid_t namespace, const char *path, int flags)
{
	(void)namespace, (void)path, (void)flags;
	called_early |= !begun;
	return NULL;
}

/* Of the library. */
extern int early_fd, early_ioas;

static void before_constructors(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	(void)environment;
	close(open("/dev/null", O_RDWR));
}

__attribute__((section(".preinit_array"),
	       used)) static void (*const preinit)(int, char **, char **) = before_constructors;

static void the_files_are_there_before_constructors(void)
{
	CHECK(early_fd >= 0);
	CHECK(early_ioas == 1);
	CHECK(new_ioas(early_fd) == 2);
}

static void functions_of_the_program_are_not_called(void)
{
	CHECK(!called_early);
}

static void mapping_and_destroying_works(void)
{
	static char page[8192] __attribute__((aligned(4096)));
	struct ioas_map map = {
		.size = sizeof(map),
		.flags = 6,
		.ioas_id = 1,
		.user_va = (uintptr_t)page,
		.length = sizeof(page),
	};
	struct destroy destroy = {.size = sizeof(destroy), .id = 1};

	for (int i = 0; i < 100 && !check_failed; i++)
		CHECK(ioctl(early_fd, IOMMU_IOAS_MAP, &map) == 0);
	CHECK(ioctl(early_fd, IOMMU_DESTROY, &destroy) == 0);
}

static void a_fork_finds_all_in_order(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(new_ioas(early_fd) == 1 && close(early_fd) == 0 ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void *open_and_close(void *arg)
{
	for (int i = 0; i < 200 && !check_failed; i++) {
		int fd = open("/dev/vfio/devices/vfio0", O_RDWR);

		CHECK(fd >= 0);
		close(fd);
	}
	return arg;
}

static void threads_open_and_close_devices(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, open_and_close, NULL) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct check_test tests[] = {
		TEST(the_files_are_there_before_constructors),
		TEST(functions_of_the_program_are_not_called),
		TEST(mapping_and_destroying_works),
		TEST(a_fork_finds_all_in_order),
		TEST(threads_open_and_close_devices),
	};

	begun = true;
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
