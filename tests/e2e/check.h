/* SPDX-License-Identifier: MIT */
/*
 * For the programs here, which are ordinary ones: they include nothing of uiommufd, and find what
 * they open because they run under it. Results are printed as cmocka prints them.
 */
#ifndef E2E_CHECK_H
#define E2E_CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static bool check_failed;

/* Remembers a failure of the running test, and goes on. */
#define CHECK(condition)                                                                         \
	do {                                                                                     \
		if (!(condition)) {                                                              \
			printf("%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
			check_failed = true;                                                     \
		}                                                                                \
	} while (0)

struct check_test {
	const char *name;
	void (*run)(void);
};

#define TEST(name)          \
	{                   \
#name, name \
	}

/* Whether E2E_SKIP, names with blanks between them, has @name (shared.py). */
static inline bool is_skipped(const char *name)
{
	const char *list = getenv("E2E_SKIP");
	const size_t len = strlen(name);

	for (const char *at = list; at && (at = strstr(at, name)); at += len) {
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	}
	return false;
}

static inline int run_tests(const struct check_test *tests, size_t count)
{
	int failures = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_skipped(tests[i].name))
			continue;
		check_failed = false;
		errno = 0;
		tests[i].run();
		printf(check_failed ? "[  FAILED  ] %s\n" : "[       OK ] %s\n", tests[i].name);
		fflush(stdout);
		failures += check_failed;
	}
	return failures != 0;
}

/* What the programs use of <linux/iommufd.h>, which older systems lack. */
struct ioas_alloc {
	uint32_t size, flags, out_ioas_id;
};

struct ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};

struct destroy {
	uint32_t size, id;
};

#define IOMMU_DESTROY 0x3b80
struct ioas_unmap {
	uint32_t size, ioas_id;
	uint64_t iova, length;
};

#define IOMMU_IOAS_ALLOC 0x3b81
#define IOMMU_IOAS_MAP	 0x3b85
#define IOMMU_IOAS_UNMAP 0x3b86

/* A new IOAS of the context behind @fd: its ID, or -1 with errno. */
static inline int new_ioas(int fd)
{
	struct ioas_alloc cmd = {.size = sizeof(cmd)};

	return ioctl(fd, IOMMU_IOAS_ALLOC, &cmd) ? -1 : (int)cmd.out_ioas_id;
}

#endif
