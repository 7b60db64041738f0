/* SPDX-License-Identifier: MIT */
/* The C library's allocator behind the failure hook. Locks: its own. */
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

void *alloc_zeroed(size_t size)
{
	if (fault_inject())
		return NULL;
	return calloc(1, size);
}

void *alloc_aligned(size_t align, size_t size)
{
	void *memory;

	if (fault_inject() || posix_memalign(&memory, align, size))
		return NULL;
	return memset(memory, 0, size);
}

void *alloc_array(size_t count, size_t size)
{
	size_t bytes;

	if (fault_inject() || __builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return calloc(1, bytes);
}

void *alloc_resize(void *array, size_t count, size_t size)
{
	size_t bytes;

	/* A size of 0 would free the array and return NULL. */
	assert(count && size);

	if (fault_inject() || __builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return realloc(array, bytes);
}

void alloc_free(void *memory)
{
	free(memory);
}
