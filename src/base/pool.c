/* SPDX-License-Identifier: MIT */
/*
 * The chunks of pools.
 *
 * Invariants: a chunk belongs to one part of its pool as long as it lives. Its header, at its
 * start, says which objects are free: those in a list through their first words, which have been in
 * use, and those from @fresh on, which never were. It is in its part's list of available chunks
 * while it has a free object, and at most one chunk of a part is idle.
 */
#include "base/pool.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fail.h"

#ifdef POOL_BY_OBJECT

void *pool_alloc(struct pool *pool)
{
	return alloc_aligned(POOL_ALIGNMENT, pool->size);
}

void pool_free(struct pool *pool, void *object)
{
	(void)pool;
	alloc_free(object);
}

size_t pool_reserved(struct pool *pool)
{
	(void)pool;
	return 0;
}

#else

/* Where the first object of a chunk begins. */
enum {
	FIRST_OBJECT = POOL_ALIGNMENT
};

struct pool_chunk {
	struct pool_part *part;
	struct pool_chunk *next;  /* in part->available */
	struct pool_chunk **link; /* what points to this one; NULL: not in the list */
	void *free;		  /* each object's first word is the next one */
	uint32_t fresh;		  /* offset of the objects that were never in use */
	uint32_t used;		  /* objects in use */
	uint32_t size;		  /* of an object */
};

_Static_assert(sizeof(struct pool_chunk) <= FIRST_OBJECT, "the objects follow it");

static struct pool_part *part_of_thread(struct pool *pool)
{
	static __thread unsigned int number __attribute__((tls_model("initial-exec")));
	static atomic_uint threads;

	if (!number)
		number = 1 +
			 atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % POOL_PARTS;
	return &pool->parts[number - 1];
}

static struct pool_chunk *chunk_of(const void *object)
{
	return (struct pool_chunk *)((uintptr_t)object & ~(uintptr_t)(POOL_CHUNK_SIZE - 1));
}

static bool chunk_has_object(const struct pool_chunk *chunk, size_t size)
{
	return chunk->free || chunk->fresh + size <= POOL_CHUNK_SIZE;
}

static void chunk_link(struct pool_part *part, struct pool_chunk *chunk)
{
	chunk->next = part->available;
	chunk->link = &part->available;
	if (chunk->next)
		chunk->next->link = &chunk->next;
	part->available = chunk;
}

static void chunk_unlink(struct pool_chunk *chunk)
{
	*chunk->link = chunk->next;
	if (chunk->next)
		chunk->next->link = chunk->link;
	chunk->link = NULL;
}

static struct pool_chunk *chunk_add(struct pool_part *part, size_t size)
{
	struct pool_chunk *chunk = chunk_alloc(POOL_CHUNK_SIZE, part->chunks > 0);

	if (!chunk)
		return NULL;
	chunk->part = part;
	chunk->fresh = FIRST_OBJECT;
	chunk->size = (uint32_t)size;
	chunk_link(part, chunk);
	part->chunks++;
	part->idle++;
	return chunk;
}

static void *take(struct pool_part *part, size_t size) REQUIRES(part->lock)
{
	struct pool_chunk *chunk = part->available;
	void *object;

	lock_assert_held(&part->lock);
	if (!chunk)
		chunk = chunk_add(part, size);
	if (!chunk)
		return NULL;
	assert(chunk->part == part && chunk_has_object(chunk, size));
	object = chunk->free;
	if (object) {
		chunk->free = *(void **)object;
		/* The next call reads it; it was freed long ago, or by another processor. */
		__builtin_prefetch(chunk->free, 1);
	} else {
		object = (char *)chunk + chunk->fresh;
		chunk->fresh += (uint32_t)size;
	}
	if (!chunk->used++)
		part->idle--;
	if (!chunk_has_object(chunk, size))
		chunk_unlink(chunk);
	return object;
}

size_t pool_object_size(const void *object)
{
	return chunk_of(object)->size;
}

void *pool_alloc(struct pool *pool)
{
	return fail_inject() ? NULL : pool_take(pool);
}

/* Inline: most objects are one line. */
static inline void zero(void *object, size_t size)
{
	for (size_t line = 0; line < size; line += POOL_ALIGNMENT)
		memset((char *)object + line, 0, POOL_ALIGNMENT);
}

void *pool_take(struct pool *pool)
{
	struct pool_part *part = part_of_thread(pool);
	void *object;

	lock_acquire(&part->lock);
	object = take(part, pool->size);
	lock_release_lasting(&part->lock);
	if (object)
		zero(object, pool->size);
	return object;
}

/* True if @chunk has left the pool: the caller owns it now, and frees it. */
static bool give(struct pool_part *part, struct pool_chunk *chunk, void *object)
	REQUIRES(part->lock)
{
	lock_assert_held(&part->lock);
	assert(chunk->part == part && chunk->used);
	*(void **)object = chunk->free;
	chunk->free = object;
	if (!chunk->link)
		chunk_link(part, chunk);
	if (--chunk->used)
		return false;
	if (!part->idle) {
		part->idle++;
		return false;
	}
	chunk_unlink(chunk);
	part->chunks--;
	return true;
}

void pool_free(struct pool *pool, void *object)
{
	struct pool_chunk *chunk = chunk_of(object);
	struct pool_part *part;
	bool unused;

	(void)pool;
	if (!object)
		return;
	part = chunk->part;
	lock_acquire(&part->lock);
	unused = give(part, chunk, object);
	lock_release_lasting(&part->lock);
	if (unused)
		chunk_free(chunk, POOL_CHUNK_SIZE);
}

size_t pool_reserved(struct pool *pool)
{
	size_t chunks = 0;

	for (int i = 0; i < POOL_PARTS; i++) {
		lock_acquire(&pool->parts[i].lock);
		chunks += pool->parts[i].chunks;
		lock_release_lasting(&pool->parts[i].lock);
	}
	return chunks * POOL_CHUNK_SIZE;
}

#endif
