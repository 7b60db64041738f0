/* SPDX-License-Identifier: MIT */
/* Memory and descriptors that last as long as a test (conformance.h). */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance.h"

enum {
	MAX_KEPT = 128
};

static struct {
	void *start;
	size_t length;
} mappings[MAX_KEPT];
static int descriptors[MAX_KEPT];
static size_t mapping_count, descriptor_count;

/*
 * Address space of @length bytes between two pages that stay inaccessible. It is far below all that
 * the system gives out by itself, so nobody else's memory can come to lie in a hole of ours.
 */
static char *reserve(size_t length)
{
	static uintptr_t next = UINT64_C(1) << 45;
	char *start = mmap((void *)next, length + 2 * PAGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			   0);

	if (start == MAP_FAILED || mapping_count == MAX_KEPT)
		conformance_fail(HERE, "no memory for the test: %s", strerror(errno));
	next += length + 2 * PAGE;
	mappings[mapping_count].start = start;
	mappings[mapping_count++].length = length + 2 * PAGE;
	return start + PAGE;
}

static void make(void *start, size_t length, enum mem_kind kind)
{
	static const int rights[] = {
		[MEM_RW] = PROT_READ | PROT_WRITE, [MEM_RO] = PROT_READ, [MEM_NONE] = PROT_NONE};
	int failed = kind == MEM_HOLE ? munmap(start, length)
				      : mprotect(start, length, rights[kind]);

	if (failed)
		conformance_fail(HERE, "no memory for the test: %s", strerror(errno));
}

void *mem_of_kind(uint64_t bytes, enum mem_kind kind)
{
	char *start = reserve(bytes);

	make(start, bytes, kind);
	return start;
}

void *mem_pages(uint64_t bytes)
{
	return mem_of_kind(bytes, MEM_RW);
}

void *mem_aligned(uint64_t bytes, uint64_t align)
{
	char *start = reserve(bytes + align);

	start += -(uintptr_t)start & (align - 1);
	make(start, bytes, MEM_RW);
	return start;
}

void *at_border(const void *bytes, size_t length, size_t before, enum mem_kind first,
		enum mem_kind second)
{
	char *page = mem_pages(2 * PAGE);
	char *start = page + PAGE - before;

	memcpy(start, bytes, length);
	make(page, PAGE, first);
	make(page + PAGE, PAGE, second);
	return start;
}

void *read_only(const void *bytes, size_t length)
{
	return at_border(bytes, length, length, MEM_RO, MEM_NONE);
}

void *before_hole(const void *bytes, size_t length)
{
	return at_border(bytes, length, length, MEM_RW, MEM_HOLE);
}

int mem_file(uint64_t bytes)
{
	int fd = memfd_create("conformance", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		conformance_fail(HERE, "memfd: %s", strerror(errno));
	return close_later(fd);
}

int close_later(int fd)
{
	if (descriptor_count == MAX_KEPT)
		conformance_fail(HERE, "too many descriptors in one test");
	descriptors[descriptor_count++] = fd;
	return fd;
}

void mem_release(void)
{
	/* A test may have closed some itself. The latest first: devices before their context. */
	while (descriptor_count)
		close(descriptors[--descriptor_count]);
	while (mapping_count) {
		mapping_count--;
		munmap(mappings[mapping_count].start, mappings[mapping_count].length);
	}
}
