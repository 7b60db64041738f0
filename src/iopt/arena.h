/* SPDX-License-Identifier: MIT */
/*
 * The memory of the tables of one page table: 4 KiB each, in chunks of 2 MiB.
 *
 * A chunk is aligned to its size, and its first page describes the tables in it: the data about a
 * table (how many of its entries are in use) is found by masking the table's address. The first
 * chunk is ordinary memory, since a small page table touches little of it; later chunks ask for
 * huge pages.
 *
 * A table that readers may have seen is retired, not freed: it keeps its contents until a grace
 * period has passed, then it is zeroed and can be allocated again. One grace period serves a batch
 * of tables. After that, chunks without a table in use are given back to the system, except one.
 *
 * What is given back is the memory of a chunk. Its addresses stay readable for ever, and serve
 * whichever page table needs a chunk next. So a thread may load from a table first, and find out
 * afterwards whether it still was one (iommu/lookaside.h).
 *
 * Invariants:
 * - a table that arena_alloc() returns is zero, and its count is 0 (asserted there);
 * - the counts of the arena are the sums of those of its chunks, and a chunk is listed as available
 *   or retiring exactly while it has such tables (arena_check()).
 *
 * Locking: the owner of the page table serialises all calls. Only arena_settle() waits for readers.
 *
 * Cost: O(1); arena_settle() O(tables retired).
 */
#ifndef IOPT_ARENA_H
#define IOPT_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <urcu/list.h>

#include "iopt/geometry.h"

enum {
	ARENA_TABLE_SHIFT = IOPT_TABLE_SHIFT,
	ARENA_TABLE_SIZE = 1 << ARENA_TABLE_SHIFT,
	ARENA_CHUNK_SHIFT = 21,
	ARENA_CHUNK_SIZE = 1 << ARENA_CHUNK_SHIFT,
	ARENA_CHUNK_TABLES = ARENA_CHUNK_SIZE / ARENA_TABLE_SIZE,
	ARENA_BATCH = 64, /* retired tables that are worth the wait for a grace period */
};

struct arena_table {
	uint16_t count; /* entries in use; kept by the walker */
	uint16_t next;	/* slot, in the chunk's list of free or of retired tables; 0: the end */
};

/* The first page of a chunk. Slot 0 is this page itself. */
struct spare;

struct arena_chunk {
	struct spare *spare; /* notes it when its memory has been given back */
	struct cds_list_head all;
	struct cds_list_head available; /* in arena->available while a table can be allocated */
	struct cds_list_head retiring;	/* in arena->retiring while a table is retired */
	uint16_t fresh;			/* slots from here on were never used */
	uint16_t free;			/* first slot of the list; 0: none */
	uint16_t retired;		/* likewise */
	uint16_t n_retired;
	uint16_t used; /* tables allocated, including retired ones */
	struct arena_table tables[ARENA_CHUNK_TABLES];
};

struct arena {
	struct cds_list_head chunks;
	struct cds_list_head available;
	struct cds_list_head retiring;
	size_t n_tables;  /* allocated and not retired */
	size_t n_retired; /* waiting for readers */
	size_t n_chunks;
	size_t n_idle; /* chunks without a table in use */
};

void arena_init(struct arena *arena);

/* Asserts the invariants. Does nothing with NDEBUG. Cost: O(tables). */
void arena_check(const struct arena *arena);

/* Gives all memory back. No thread may be reading. */
void arena_destroy(struct arena *arena);

/* A zeroed table, or NULL. */
uint64_t *arena_alloc(struct arena *arena);

/*
 * @count (a power of two, at most 16) zeroed adjacent tables, aligned to their total size, or NULL.
 * The first allocation of the arena.
 */
uint64_t *arena_alloc_first(struct arena *arena, unsigned int count);

/* Takes back a table that no reader has seen, and that is zero. */
void arena_free(struct arena *arena, uint64_t *table);

/* Takes back a table that is not linked any more, although readers may still be in it. */
void arena_retire(struct arena *arena, uint64_t *table);

/*
 * If a batch of tables is retired: waits for a grace period and makes them available again.
 * Context: not in a read-side critical section.
 */
void arena_settle(struct arena *arena);

static inline struct arena_chunk *arena_chunk_of(const void *table)
{
	return (struct arena_chunk *)((uintptr_t)table & ~(uintptr_t)(ARENA_CHUNK_SIZE - 1));
}

static inline unsigned int arena_slot_of(const void *table)
{
	return (unsigned int)(((uintptr_t)table & (ARENA_CHUNK_SIZE - 1)) >> ARENA_TABLE_SHIFT);
}

/* The data about the table that @entry lies in. */
static inline struct arena_table *arena_table_of(const uint64_t *entry)
{
	return &arena_chunk_of(entry)->tables[arena_slot_of(entry)];
}

#endif
