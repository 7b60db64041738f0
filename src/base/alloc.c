/* SPDX-License-Identifier: MIT */
/*
 * Small allocations are objects of pools, one pool for each class of sizes. A large one is a
 * mapping of its own. Both lie in chunks of address space that are aligned alike, so the start of
 * the chunk says which it is.
 *
 * Locks: those of the pools.
 */
#include "base/alloc.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/pool.h"
#include "base/sys.h"

#ifdef ALLOC_BY_LIBC

static void *get(size_t size)
{
	void *memory;

	if (posix_memalign(&memory, POOL_ALIGNMENT, size ? size : 1))
		return NULL;
	return memset(memory, 0, size);
}

static void *resize(void *array, size_t bytes)
{
	return realloc(array, bytes);
}

void alloc_free(void *memory)
{
	free(memory);
}

#else

/* Two classes for each power of two, so that at most a third of an object is not used. */
static struct pool classes[] = {
	POOL_INIT(64),	  POOL_INIT(128),   POOL_INIT(192),   POOL_INIT(256),  POOL_INIT(384),
	POOL_INIT(512),	  POOL_INIT(768),   POOL_INIT(1024),  POOL_INIT(1536), POOL_INIT(2048),
	POOL_INIT(3072),  POOL_INIT(4096),  POOL_INIT(6144),  POOL_INIT(8192), POOL_INIT(12288),
	POOL_INIT(16384), POOL_INIT(24576), POOL_INIT(32768),
};

/* What stands at the start of a large allocation: where a chunk of a pool has its part. */
struct large {
	void *no_part; /* NULL */
	size_t mapped; /* bytes from here on */
};

_Static_assert(sizeof(struct large) <= POOL_ALIGNMENT, "the memory follows it");

static struct large *large_of(void *memory)
{
	return (struct large *)((uintptr_t)memory & ~(uintptr_t)(POOL_CHUNK_SIZE - 1));
}

static void *get_large(size_t size)
{
	struct large *large;
	uint64_t mapped;
	void *got;

	if (check_align_up(size + POOL_ALIGNMENT, PAGE_SIZE, &mapped) || mapped < size ||
	    sys_map_aligned(mapped, POOL_CHUNK_SIZE, 0, PROT_READ | PROT_WRITE, &got))
		return NULL;
	large = got;
	large->mapped = mapped;
	return (char *)got + POOL_ALIGNMENT;
}

static void *get(size_t size)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (size <= classes[i].size)
			return pool_take(&classes[i]);
	}
	return get_large(size);
}

/* How many bytes may be used at @memory. */
static size_t capacity(void *memory)
{
	const struct large *large = large_of(memory);

	return large->no_part ? pool_object_size(memory) : large->mapped - POOL_ALIGNMENT;
}

static void *resize(void *array, size_t bytes)
{
	const size_t had = array ? capacity(array) : 0;
	void *other;

	if (bytes <= had && bytes > had / 4)
		return array;
	other = get(bytes);
	if (!other || !array)
		return other;
	memcpy(other, array, min_u64(had, bytes));
	alloc_free(array);
	return other;
}

void alloc_free(void *memory)
{
	struct large *large;

	if (!memory)
		return;
	large = large_of(memory);
	if (large->no_part)
		pool_free(NULL, memory);
	else
		(void)sys_munmap(large, large->mapped);
}

#endif

void *alloc_zeroed(size_t size)
{
	return fail_inject() ? NULL : get(size);
}

void *alloc_aligned(size_t align, size_t size)
{
	assert(align <= POOL_ALIGNMENT);
	(void)align;
	return alloc_zeroed(size);
}

void *alloc_array(size_t count, size_t size)
{
	size_t bytes;

	if (fail_inject() || __builtin_mul_overflow(count, size, &bytes) || bytes > INT_MAX)
		return NULL;
	return get(bytes);
}

void *alloc_resize(void *array, size_t count, size_t size)
{
	size_t bytes;

	assert(count && size);
	if (fail_inject() || __builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return resize(array, bytes);
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
