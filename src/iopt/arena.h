/* SPDX-License-Identifier: MIT */
/*
 * The memory of one page table's tables: 4 KiB each, in chunks of 2 MiB.
 *
 * A chunk is aligned to its size and its first page describes the tables in it, so that a table's
 * own data (how many of its entries are in use) is found by masking the table's address. The first
 * chunk is ordinary memory, of which a small page table touches little; the later ones ask for huge
 * pages.
 *
 * A table that readers may have seen is retired, not freed: it stays as it was until a grace period
 * is over, then is zeroed and used again. One grace period serves a whole batch of tables.
 *
 * Invariants: a table that arena_alloc() returns is zero and its count is 0. A chunk in use by
 * nobody is given back to the system, but for one that is kept.
 *
 * Locking: the owner of the page table serialises all calls. Only arena_settle() waits for readers.
 * Cost: all O(1), but for arena_settle(), O(tables retired).
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
	ARENA_BATCH = 64, /* tables retired before a grace period is worth its wait */
};

struct arena_table {
	uint16_t count; /* entries in use; the owner's */
	uint16_t next;	/* in the chunk's list of free or of retired tables; 0 ends it */
};

/* The first page of a chunk. Slot 0 is this page itself. */
struct arena_chunk {
	struct cds_list_head all;
	struct cds_list_head available; /* in arena->available while a table can be had */
	struct cds_list_head retiring;	/* in arena->retiring while a table is retired */
	uint16_t fresh;			/* slots from here on were never used */
	uint16_t free;
	uint16_t retired;
	uint16_t n_retired;
	uint16_t used; /* handed out, the retired ones included */
	struct arena_table tables[ARENA_CHUNK_TABLES];
};

struct arena {
	struct cds_list_head chunks;
	struct cds_list_head available;
	struct cds_list_head retiring;
	size_t n_tables;  /* handed out, not retired */
	size_t n_retired; /* waiting for readers */
	size_t n_chunks;
	size_t n_idle; /* chunks of which no table is handed out */
};

void arena_init(struct arena *arena);

/* Gives all memory back. Nobody may be reading. */
void arena_destroy(struct arena *arena);

/* A zeroed table, or NULL. */
uint64_t *arena_alloc(struct arena *arena);

/* @count (a power of two, at most 16) zeroed tables in a row, aligned to their total size; for a
 * new arena only. */
uint64_t *arena_alloc_first(struct arena *arena, unsigned int count);

/* Takes back a table that no reader ever saw and that is zero again. */
void arena_free(struct arena *arena, uint64_t *table);

/* Takes back a table that no walk from the root finds any more; readers may still be in it. */
void arena_retire(struct arena *arena, uint64_t *table);

/*
 * Once enough tables are retired: waits until all readers of them are done and makes them
 * available. Not from inside a read-side critical section.
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

/* What is noted about the table that @entry lies in. */
static inline struct arena_table *arena_table_of(const uint64_t *entry)
{
	return &arena_chunk_of(entry)->tables[arena_slot_of(entry)];
}

#endif
