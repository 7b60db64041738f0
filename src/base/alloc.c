/* SPDX-License-Identifier: MIT */
/*
 * The C library's allocator, and chunks of address space for our own allocators (base/pool.h),
 * behind the hook that makes them fail. Locks: those of the C library only.
 */
#include "base/alloc.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/sys.h"

static struct alloc_functions libc = {
	.calloc = calloc,
	.realloc = realloc,
	.memalign = posix_memalign,
	.free = free,
};

void alloc_use(const struct alloc_functions *functions)
{
	libc = *functions;
}

void *alloc_zeroed(size_t size)
{
	if (fail_inject())
		return NULL;
	return libc.calloc(1, size);
}

void *alloc_aligned(size_t align, size_t size)
{
	void *memory;

	if (fail_inject() || libc.memalign(&memory, align, size))
		return NULL;
	return memset(memory, 0, size);
}

void *alloc_array(size_t count, size_t size)
{
	size_t bytes;

	if (fail_inject() || __builtin_mul_overflow(count, size, &bytes) || bytes > INT_MAX)
		return NULL;
	return libc.calloc(1, bytes);
}

void *alloc_resize(void *array, size_t count, size_t size)
{
	size_t bytes;

	/* realloc() of 0 bytes would free the array and return NULL. */
	assert(count && size);

	if (fail_inject() || __builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return libc.realloc(array, bytes);
}

void alloc_free(void *memory)
{
	libc.free(memory);
}

void *chunk_alloc(size_t size, bool huge)
{
	void *chunk;

	if (fail_inject() || sys_map_aligned(size, size, 0, PROT_READ | PROT_WRITE, &chunk))
		return NULL;
	if (huge) /* failure only costs time */
		(void)sys_madvise(chunk, size, MADV_HUGEPAGE);
	return chunk;
}

void chunk_free(void *chunk, size_t size)
{
	(void)sys_munmap(chunk, size);
}
