/* SPDX-License-Identifier: MIT */
/*
 * Pools: memory for objects of one size, of which there are millions.
 *
 * Objects lie densely in chunks of 2 MiB that are aligned to their size, so that random access to
 * many of them misses the TLB as rarely as the system's huge pages allow, and objects of whole
 * cache lines share none. The first chunk of a pool asks for no huge page, so few objects take
 * little memory. Each part of a pool keeps one chunk without objects and returns others to the
 * system.
 *
 * Thread-safe: a pool has several parts, each with its own lock, and threads are spread over them.
 * Every allocation can be made to fail (base/fail.h). In builds with AddressSanitizer each object
 * comes from alloc.h, so that it sees them one by one.
 *
 * Cost: O(1); one lock that is rarely contended.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "base/tsan.h"

#if defined(ALLOC_BY_LIBC) && !defined(BASE_THREAD_SANITIZER)
#define POOL_BY_OBJECT
#endif

enum {
	POOL_PARTS = 8,
	POOL_ALIGNMENT = 64, /* of all objects; their size is a multiple of it */
	POOL_CHUNK_SIZE = 2 << 20,
};

struct pool_chunk;

struct pool_part {
	struct lock lock;	      /* guards what follows, and the part's chunks */
	struct pool_chunk *available; /* chunks with a free object */
	size_t chunks, idle;	      /* how many there are; without an object in use */
} __attribute__((aligned(64)));

struct pool {
	size_t size; /* of an object */
	struct pool_part parts[POOL_PARTS];
};

/*
 * A pool of objects of @bytes, whole cache lines, for static storage. Pools are never destroyed.
 */
#define POOL_INIT(bytes)                                                        \
	{                                                                       \
		.size = (bytes), .parts = {                                     \
			[0 ... POOL_PARTS - 1] = {.lock = LOCK_INIT(LOCK_POOL)} \
		}                                                               \
	}

/* A zeroed object, or NULL. */
void *pool_alloc(struct pool *pool);

/* The same, when the caller has asked for an injected failure itself. */
void *pool_take(struct pool *pool);

/* How large @object of any pool is. Not in builds in which objects are allocated one by one. */
size_t pool_object_size(const void *object);

/* Returns @object to @pool, from any thread. NULL is allowed. */
void pool_free(struct pool *pool, void *object);

/* Bytes of address space that the pool has from the system now. */
size_t pool_reserved(struct pool *pool);

#endif
