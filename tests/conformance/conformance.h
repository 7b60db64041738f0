/* SPDX-License-Identifier: MIT */
/*
 * What the conformance tests share: a fixture with open files, expectations on ioctls, and memory
 * of every awkward kind.
 *
 * A test is an ordinary program: it opens device files and makes system calls, and knows nothing of
 * who answers them. Each test gets a context of its own and leaves nothing behind. Expectations
 * may also be used in a child process (run_in_child), where a failed one ends the child.
 *
 * The name of a test is a sentence. The rows of docs/abi that it is about are an argument of
 * CASE().
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef stop /* a macro of version 2 */

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

/* The tests are written for 4 KiB pages. */
#define PAGE UINT64_C(4096)
#define MIB  (UINT64_C(1) << 20)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* ---- programs ---- */

typedef int (*group_function)(void);

/*
 * What main() does: runs the groups, all tests or those whose name matches the pattern argv[1].
 * Without /dev/iommu the result is 77 ("skipped"); with CONFORMANCE_STRICT set in the environment,
 * missing hardware is a failure.
 */
int run_groups(int argc, char **argv, const group_function *groups, size_t count);

/*
 * A test with the fixture that @level names, about @rows of docs/abi:
 * CASE(ioas, map_of_length_0_is_EINVAL, "IOAS-MAP.6"). Test filters see "test [rows]".
 */
#define CASE(level, test, rows)                                                                \
	{                                                                                      \
		.name = #test " [" rows "]", .test_func = (test), .setup_func = setup_##level, \
		.teardown_func = teardown                                                      \
	}

/* ---- fixture ---- */

/* Each level has all of those before it. */
struct fixture {
	int iommu;	 /* context: a context of its own */
	uint32_t ioas;	 /* ioas: its first object */
	int device;	 /* cdev: the first device, open */
	uint32_t dev_id; /* bound: its ID in the context */
	uint32_t hwpt;	 /* attached: the page table that it is attached to in @ioas */
	bool missing;	 /* there is no device */
};

int setup_context(void **state);
int setup_ioas(void **state);
int setup_cdev(void **state);
int setup_bound(void **state);
int setup_attached(void **state);
int teardown(void **state);

/* The fixture; a test for which the machine lacks a device ends here, as skipped. */
struct fixture *fixture(void **state);

/*
 * The number N of /dev/vfio/devices/vfioN of the @index-th device that tests may use. On a real
 * machine say which is the first: CONFORMANCE_DEVICE=3 is vfio3.
 */
unsigned int device_number(unsigned int index);

/* Opens it: a descriptor, or -1 if there are not so many. */
int open_device(unsigned int index);

/* As open_device(); without it, the test ends as skipped. */
int need_device(unsigned int index);

int open_context(void);

/* ---- expectations ---- */

#define HERE __FILE__, __LINE__

/* Ends the test (or the child) as failed. */
_Noreturn void conformance_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Ends the test (or the child) as skipped, saying why. */
_Noreturn void skip_test(const char *reason);

/* 0 or a result above it, or the negative errno. */
int do_ioctl(int fd, unsigned long cmd, const void *arg);

int expect_ioctl(int error, int fd, unsigned long cmd, const char *name, const void *arg,
		 const char *file, int line);

#define expect_ok(fd, cmd, ...)		  expect_ioctl(0, fd, cmd, #cmd, __VA_ARGS__, HERE)
#define expect_errno(error, fd, cmd, ...) expect_ioctl(error, fd, cmd, #cmd, __VA_ARGS__, HERE)

/* A system call that returned @result failed with @error. */
#define expect_failed(error, result) expect_syscall_failed(error, (long)(result), #result, HERE)
void expect_syscall_failed(int error, long result, const char *name, const char *file, int line);

#define expect_true(condition)                                              \
	do {                                                                \
		if (!(condition))                                           \
			conformance_fail(HERE, "expected: %s", #condition); \
	} while (0)

#define expect_equal(actual, expected)                                                         \
	do {                                                                                   \
		uint64_t is_ = (uint64_t)(actual), should_ = (uint64_t)(expected);             \
		if (is_ != should_)                                                            \
			conformance_fail(HERE, "%s is 0x%llx, expected 0x%llx (%s)", #actual,  \
					 (unsigned long long)is_, (unsigned long long)should_, \
					 #expected);                                           \
	} while (0)

/* /proc calls the file of @fd @name, by whichever of its names for a descriptor. */
#define expect_fd_name(fd, name) check_fd_name(HERE, fd, name)
void check_fd_name(const char *file, int line, int fd, const char *name);

/* Runs @function(@arg) in a child process, which fails or is skipped for the test. */
void run_in_child(void (*function)(void *arg), void *arg);

/* ---- commands ---- */

#define READ  IOMMU_IOAS_MAP_READABLE
#define WRITE IOMMU_IOAS_MAP_WRITEABLE
#define RW    (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define FIXED IOMMU_IOAS_MAP_FIXED_IOVA

/* Where tests map at a fixed address: reserved by no hardware, within 28 bits of DMA. */
#define IOVA UINT64_C(0x1000000)

/* An argument for one call: expect_ok(fd, IOMMU_IOAS_UNMAP, CMD(iommu_ioas_unmap, .iova = ...)) */
#define CMD(type, ...)	    (&(struct type){.size = sizeof(struct type), __VA_ARGS__})
#define VFIO_CMD(type, ...) (&(struct type){.argsz = sizeof(struct type), __VA_ARGS__})

/* Each fails the test if it fails. */
uint32_t new_ioas(int iommu);
void destroy(int iommu, uint32_t id);

/*
 * HWPT_INVALIDATE of @count entries at @id, a nested HWPT or vIOMMU, which gives @error; how many
 * were handled.
 */
uint32_t invalidate_entries(int iommu, uint32_t id, int error, uint32_t type, const void *entries,
			    uint32_t entry_len, uint32_t count);
void map_at(int iommu, uint32_t ioas, uint32_t flags, uint64_t iova, const void *va,
	    uint64_t length);
uint64_t map_anywhere(int iommu, uint32_t ioas, uint64_t user_va, uint64_t length);
void unmap(int iommu, uint32_t ioas, uint64_t iova, uint64_t length);
void allow(int iommu, uint32_t ioas, const struct iommu_iova_range *ranges, uint32_t count);
void set_huge_pages(int iommu, uint32_t ioas, bool on);
uint32_t bind_device(int device, int iommu);
uint32_t attach_device(int device, uint32_t pt_id); /* returns the HWPT */
void detach_device(int device);

/*
 * True if something is mapped at the page of @iova: asked by a mapping there, which is taken
 * back.
 */
bool is_mapped(int iommu, uint32_t ioas, uint64_t iova);

/* The usable ranges: how many, at most @max of them written, and the alignment (may be NULL). */
uint32_t iova_ranges(int iommu, uint32_t ioas, struct iommu_iova_range *ranges, uint32_t max,
		     uint64_t *alignment);

/* The first range between two usable ones, i.e. reserved: false if there is none. */
bool reserved_gap(int iommu, uint32_t ioas, struct iommu_iova_range *gap);

/* ---- memory; released at the end of the test ---- */

enum mem_kind {
	MEM_RW,
	MEM_RO,
	MEM_NONE, /* mapped, without any right */
	MEM_HOLE, /* not mapped */
};

/* Zeroed pages, not touched yet. */
void *mem_pages(uint64_t bytes);

/* As mem_pages(), at a multiple of @align, a power of two. */
void *mem_aligned(uint64_t bytes, uint64_t align);

/* Pages of @kind, whole. */
void *mem_of_kind(uint64_t bytes, enum mem_kind kind);

/*
 * Two pages of different kinds, and in them @length bytes of @bytes, the first @before of which
 * are on the first page. Returns where they begin.
 */
void *at_border(const void *bytes, size_t length, size_t before, enum mem_kind first,
		enum mem_kind second);

/* @bytes where they can be read and not written; where nothing is mapped right behind them. */
void *read_only(const void *bytes, size_t length);
void *before_hole(const void *bytes, size_t length);

/* A memory file of @bytes. The descriptor is closed at the end of the test. */
int mem_file(uint64_t bytes);

/* Has @fd closed at the end of the test; returns it. */
int close_later(int fd);

void mem_release(void);

#endif
