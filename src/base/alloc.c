/* SPDX-License-Identifier: MIT */
/*
 * Small allocations are objects of pools, one pool for each class of sizes. A large one is a
 * mapping of its own. Both lie in chunks of address space that are aligned alike, so the start of
 * the chunk says which it is.
 *
 * Locks: those of the pools, and one for the addresses of chunks.
 */
#include "base/alloc.h"

#include <assert.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fail.h"
#include "base/lock.h"
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

static void *map_chunk(size_t size);

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
	size_t mapped = POOL_CHUNK_SIZE;
	struct large *large;

	if (size > SIZE_MAX / 4)
		return NULL;
	while (mapped - POOL_ALIGNMENT < size)
		mapped *= 2;
	large = map_chunk(mapped);
	if (!large)
		return NULL;
	large->mapped = mapped;
	return (char *)large + POOL_ALIGNMENT;
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
		chunk_free(large, large->mapped);
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

/* ---- chunks ---- */

/*
 * Address space that is reserved once, and given back only by alloc_trim(). A mapping anywhere else
 * may come into a hole that the program has just left, and that its next munmap() covers as well.
 *
 * Chunks are taken from @next on, or from those that are free, by the logarithm of their size.
 */
#define SPACE_SIZE (UINT64_C(16) << 30)
#define SPACE_KEPT (UINT64_C(16) << 20) /* where the program's addresses are limited */

enum {
	SIZES = 32,
	FREE_MAX = 64, /* of one size; the addresses of more are never used again */
};

static struct {
	struct lock lock; /* guards what follows */
	bool reserved;	  /* or in vain */
	uint64_t start, next, end;
	uint64_t free[SIZES][FREE_MAX];
	unsigned int free_count[SIZES];
} space = {.lock = LOCK_INIT(LOCK_CHUNKS)};

static atomic_bool unlocks; /* what is mapped, since the system has locked it */

static void reserve_space(void)
{
	uint64_t size = SPACE_SIZE;
	struct rlimit limit;
	void *got;

	space.reserved = true;
	/* Where addresses are limited, they are the program's. */
	if (sys_call(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit, 0, 0) ||
	    limit.rlim_cur != RLIM_INFINITY)
		size = SPACE_KEPT;
	if (sys_map_aligned(size, min_u64(size, UINT64_C(1) << 30), 0, PROT_NONE, &got))
		return;
	space.start = (uint64_t)(uintptr_t)got;
	space.next = space.start;
	space.end = space.start + size;
}

void alloc_trim(void)
{
	lock_acquire(&space.lock);
	space.reserved = true;
	if (space.end - space.next > SPACE_KEPT &&
	    !sys_munmap((void *)(uintptr_t)(space.next + SPACE_KEPT),
			space.end - space.next - SPACE_KEPT))
		space.end = space.next + SPACE_KEPT;
	lock_release(&space.lock);
}

static void unlock(uint64_t start, uint64_t size)
{
	(void)sys_call(SYS_munlock, (long)start, (long)size, 0, 0, 0, 0);
}

void alloc_unlock(void)
{
	lock_acquire(&space.lock);
	atomic_store_explicit(&unlocks, true, memory_order_relaxed);
	if (space.next < space.end)
		unlock(space.next, space.end - space.next);
	lock_release(&space.lock);
}

static unsigned int size_index(size_t size)
{
	return (unsigned int)__builtin_ctzll(size) % SIZES;
}

/* Addresses for a chunk, or 0. */
static uint64_t take_addresses(size_t size)
{
	const unsigned int index = size_index(size);
	uint64_t start = 0;

	lock_acquire(&space.lock);
	if (!space.reserved)
		reserve_space();
	if (space.free_count[index]) {
		start = space.free[index][--space.free_count[index]];
	} else if (!check_align_up(space.next, size, &start) && start < space.end &&
		   size <= space.end - start) {
		space.next = start + size;
	} else {
		start = 0;
	}
	lock_release(&space.lock);
	return start;
}

static void give_addresses(uint64_t start, size_t size)
{
	const unsigned int index = size_index(size);

	lock_acquire(&space.lock);
	if (space.free_count[index] < FREE_MAX)
		space.free[index][space.free_count[index]++] = start;
	lock_release(&space.lock);
}

static int map_at(uint64_t start, size_t size, int prot)
{
	void *got;
	int rc = sys_mmap((void *)(uintptr_t)start, size, prot,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0, &got);

	if (!rc && atomic_load_explicit(&unlocks, memory_order_relaxed))
		unlock(start, size);
	return rc;
}

static void *map_chunk(size_t size)
{
	const uint64_t start = take_addresses(size);
	void *got;

	if (!start)
		return sys_map_aligned(size, size, 0, PROT_READ | PROT_WRITE, &got) ? NULL : got;
	if (map_at(start, size, PROT_READ | PROT_WRITE)) {
		give_addresses(start, size);
		return NULL;
	}
	return (void *)(uintptr_t)start;
}

/* Failure only costs time. */
static void advise_huge(void *chunk, size_t size, bool huge)
{
	if (huge)
		(void)sys_madvise(chunk, size, MADV_HUGEPAGE);
}

void *chunk_alloc(size_t size, bool huge)
{
	void *chunk = fail_inject() ? NULL : map_chunk(size);

	if (chunk)
		advise_huge(chunk, size, huge);
	return chunk;
}

bool chunk_empty(void *chunk, size_t size)
{
	/* A new mapping, since madvise() does not take locked memory away. */
	if (!map_at((uint64_t)(uintptr_t)chunk, size, PROT_READ))
		return true;
	/* Too many mappings. */
	(void)sys_madvise(chunk, size, MADV_DONTNEED);
	return false;
}

bool chunk_refill(void *chunk, size_t size, bool huge)
{
	if (fail_inject() || map_at((uint64_t)(uintptr_t)chunk, size, PROT_READ | PROT_WRITE))
		return false;
	advise_huge(chunk, size, huge);
	return true;
}

void chunk_free(void *chunk, size_t size)
{
	const uint64_t start = (uint64_t)(uintptr_t)chunk;

	if (start - space.start >= space.end - space.start)
		(void)sys_munmap(chunk, size);
	/* Too many mappings: the addresses stay ours, and are not used again. */
	else if (map_at(start, size, PROT_NONE))
		(void)sys_madvise(chunk, size, MADV_DONTNEED);
	else
		give_addresses(start, size);
}
