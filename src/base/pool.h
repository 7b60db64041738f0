/* SPDX-License-Identifier: MIT */
/*
 * Pools: memory for objects of one size, of which there are millions.
 *
 * Objects lie in chunks of 2 MiB, aligned to their size and without anything between the objects,
 * so that random access to many of them misses the TLB as rarely as the system's huge pages allow,
 * and an object of whole cache lines shares none. The first chunk of a pool asks for no huge page:
 * few objects take little memory. A chunk in use by nobody is given back to the system, but for one
 * that is kept.
 *
 * Thread-safe: a pool has several parts, each with its own lock, and threads are spread over them.
 * Every allocation can be made to fail (base/fail.h). Where AddressSanitizer watches, each object
 * comes from alloc.h, so that it sees them one by one.
 *
 * Cost: O(1); one lock that is rarely contended.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

#include "base/lock.h"

enum {
	POOL_PARTS = 8,
	POOL_ALIGNMENT = 64, /* of all objects: what their size is a multiple of */
	POOL_CHUNK_SIZE = 2 << 20,
};

struct pool_chunk;

struct pool_part {
	struct lock lock;	      /* guards what follows, and the part's chunks */
	struct pool_chunk *available; /* chunks of which an object can be had */
	size_t chunks, idle;	      /* all; of which no object is in use */
} __attribute__((aligned(64)));

struct pool {
	size_t size; /* of an object */
	struct pool_part parts[POOL_PARTS];
};

/*
 * A pool of objects of @bytes, whole cache lines, for static storage. There is nothing to destroy.
 */
#define POOL_INIT(bytes)                                                        \
	{                                                                       \
		.size = (bytes), .parts = {                                     \
			[0 ... POOL_PARTS - 1] = {.lock = LOCK_INIT(LOCK_POOL)} \
		}                                                               \
	}

/* A zeroed object, or NULL. */
void *pool_alloc(struct pool *pool);

/* Gives it back; NULL is allowed. Any thread may. */
void pool_free(struct pool *pool, void *object);

/* Bytes of address space that the pool has from the system now. */
size_t pool_reserved(struct pool *pool);

#endif
