/* SPDX-License-Identifier: MIT */
/* Memory of page tables (iopt/arena.h): chunks, and lists of their tables by slot number. */
#include "iopt/arena.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/rcu.h"
#include "iopt/iopt_internal.h"

_Static_assert(sizeof(struct arena_chunk) <= ARENA_TABLE_SIZE, "a chunk's head is one page");

/* One for each chunk that there ever was; those whose chunks have no memory are in a list. */
struct spare {
	struct spare *next;
	struct spare *before; /* the one that was made before */
	struct arena_chunk *chunk;
};

static _Atomic(struct spare *) spares;
/* All of them, which tools that search for leaks would not find in the chunks. */
static _Atomic(struct spare *) latest;

static void spares_push(struct spare *first, struct spare *last)
{
	struct spare *head = atomic_load(&spares);

	do {
		last->next = head;
	} while (!atomic_compare_exchange_weak(&spares, &head, first));
}

static void note_new(struct spare *spare)
{
	struct spare *head = atomic_load(&latest);

	do {
		spare->before = head;
	} while (!atomic_compare_exchange_weak(&latest, &head, spare));
}

/* NULL: there are none, or another thread is looking at them. */
static struct spare *spares_pop(void)
{
	struct spare *first = atomic_exchange(&spares, NULL);
	struct spare *last = first ? first->next : NULL;

	while (last && last->next)
		last = last->next;
	if (last)
		spares_push(first->next, last);
	return first;
}

/* Gives the memory of @chunk back. If the system refuses to, its addresses are lost. */
static void chunk_discard(struct arena_chunk *chunk)
{
	struct spare *spare = chunk->spare;

	if (chunk_empty(chunk, ARENA_CHUNK_SIZE))
		spares_push(spare, spare);
}

/* A chunk, and what will note it when it is given back, as that cannot fail. */
static struct spare *chunk_first(bool huge)
{
	struct spare *spare = alloc_zeroed(sizeof(*spare));

	if (!spare)
		return NULL;
	spare->chunk = chunk_alloc(ARENA_CHUNK_SIZE, huge);
	if (!spare->chunk) {
		alloc_free(spare);
		return NULL;
	}
	note_new(spare);
	return spare;
}

static struct spare *chunk_again(struct spare *spare, bool huge)
{
	if (chunk_refill(spare->chunk, ARENA_CHUNK_SIZE, huge))
		return spare;
	spares_push(spare, spare);
	return NULL;
}

static struct arena_chunk *chunk_create(bool huge)
{
	struct spare *spare = spares_pop();

	spare = spare ? chunk_again(spare, huge) : chunk_first(huge);
	if (!spare)
		return NULL;
	spare->chunk->spare = spare;
	return spare->chunk;
}

void arena_init(struct arena *arena)
{
	*arena = (struct arena){0};
	CDS_INIT_LIST_HEAD(&arena->chunks);
	CDS_INIT_LIST_HEAD(&arena->available);
	CDS_INIT_LIST_HEAD(&arena->retiring);
}

void arena_destroy(struct arena *arena)
{
	struct arena_chunk *chunk, *next;

	cds_list_for_each_entry_safe (chunk, next, &arena->chunks, all)
		chunk_discard(chunk);
}

static struct arena_chunk *chunk_add(struct arena *arena)
{
	struct arena_chunk *chunk = chunk_create(arena->n_chunks > 0);

	if (!chunk)
		return NULL;
	chunk->fresh = 1;
	cds_list_add_tail(&chunk->all, &arena->chunks);
	cds_list_add(&chunk->available, &arena->available);
	arena->n_chunks++;
	arena->n_idle++;
	return chunk;
}

static void chunk_remove(struct arena *arena, struct arena_chunk *chunk)
{
	cds_list_del(&chunk->all);
	cds_list_del(&chunk->available);
	arena->n_chunks--;
	arena->n_idle--;
	chunk_discard(chunk);
}

static bool chunk_has_table(const struct arena_chunk *chunk)
{
	return chunk->free || chunk->fresh < ARENA_CHUNK_TABLES;
}

static uint64_t *chunk_table(struct arena_chunk *chunk, unsigned int slot)
{
	return (uint64_t *)((char *)chunk + ((size_t)slot << ARENA_TABLE_SHIFT));
}

/* A chunk with a table that can be allocated, or NULL. */
static struct arena_chunk *chunk_available(struct arena *arena)
{
	if (cds_list_empty(&arena->available))
		return chunk_add(arena);
	return cds_list_first_entry(&arena->available, struct arena_chunk, available);
}

/* Notes that @count tables of @chunk have been allocated. */
static void chunk_take(struct arena *arena, struct arena_chunk *chunk, unsigned int count)
{
	if (chunk->used == 0)
		arena->n_idle--;
	chunk->used = (uint16_t)(chunk->used + count);
	arena->n_tables += count;
	if (!chunk_has_table(chunk))
		cds_list_del(&chunk->available);
}

/* Makes table @slot of @chunk available. */
static void chunk_give(struct arena *arena, struct arena_chunk *chunk, unsigned int slot)
{
	if (!chunk_has_table(chunk))
		cds_list_add(&chunk->available, &arena->available);
	chunk->tables[slot].next = chunk->free;
	chunk->free = (uint16_t)slot;
	chunk->used--;
	if (chunk->used == 0)
		arena->n_idle++;
}

/* For assertions. */
static inline bool table_is_zero(const uint64_t *table)
{
	uint64_t any = 0;

	for (size_t i = 0; i < IOPT_ENTRIES; i++)
		any |= entry_own(&table[i]);
	return !any;
}

uint64_t *arena_alloc(struct arena *arena)
{
	struct arena_chunk *chunk;
	unsigned int slot;

	if (fail_inject())
		return NULL;
	chunk = chunk_available(arena);
	if (!chunk)
		return NULL;

	slot = chunk->free;
	if (slot)
		chunk->free = chunk->tables[slot].next;
	else
		slot = chunk->fresh++;
	chunk_take(arena, chunk, 1);
	assert(chunk->tables[slot].count == 0 && table_is_zero(chunk_table(chunk, slot)));
	return chunk_table(chunk, slot);
}

uint64_t *arena_alloc_first(struct arena *arena, unsigned int count)
{
	struct arena_chunk *chunk;

	assert(arena->n_chunks == 0);
	if (count == 1)
		return arena_alloc(arena);
	if (fail_inject())
		return NULL;
	chunk = chunk_add(arena);
	if (!chunk)
		return NULL;

	/* Slots 1 to @count - 1 stay unused: at most 15, once for each page table. */
	chunk->fresh = (uint16_t)(2 * count);
	chunk_take(arena, chunk, count);
	return chunk_table(chunk, count);
}

void arena_free(struct arena *arena, uint64_t *table)
{
	assert(arena_table_of(table)->count == 0 && table_is_zero(table));
	arena->n_tables--;
	chunk_give(arena, arena_chunk_of(table), arena_slot_of(table));
}

void arena_retire(struct arena *arena, uint64_t *table)
{
	struct arena_chunk *chunk = arena_chunk_of(table);
	unsigned int slot = arena_slot_of(table);

	if (!chunk->retired)
		cds_list_add_tail(&chunk->retiring, &arena->retiring);
	chunk->tables[slot].next = chunk->retired;
	chunk->retired = (uint16_t)slot;
	chunk->n_retired++;
	arena->n_retired++;
	arena->n_tables--;
}

static void table_zero(uint64_t *table)
{
	for (size_t i = 0; i < ARENA_TABLE_SIZE / sizeof(*table); i++)
		entry_store_unseen(&table[i], 0);
}

/* Makes the retired tables of @chunk available. */
static void chunk_recycle(struct arena *arena, struct arena_chunk *chunk)
{
	unsigned int slot = chunk->retired;

	while (slot) {
		unsigned int next = chunk->tables[slot].next;

		table_zero(chunk_table(chunk, slot));
		chunk->tables[slot].count = 0;
		chunk_give(arena, chunk, slot);
		slot = next;
	}
	chunk->retired = 0;
	chunk->n_retired = 0;
}

/* Gives @chunk back to the system; all of its tables in use are retired. */
static void chunk_drop(struct arena *arena, struct arena_chunk *chunk)
{
	if (!chunk_has_table(chunk))
		cds_list_add(&chunk->available, &arena->available);
	arena->n_idle++;
	chunk_remove(arena, chunk);
}

void arena_settle(struct arena *arena)
{
	struct arena_chunk *chunk, *next;

	if (arena->n_retired < ARENA_BATCH)
		return;
	rcu_wait(arena);
	cds_list_for_each_entry_safe (chunk, next, &arena->retiring, retiring) {
		cds_list_del(&chunk->retiring);
		if (chunk->used == chunk->n_retired && arena->n_idle > 0)
			chunk_drop(arena, chunk);
		else
			chunk_recycle(arena, chunk);
	}
	arena->n_retired = 0;
}

void arena_check(const struct arena *arena)
{
#ifndef NDEBUG
	size_t n_chunks = 0, n_idle = 0, n_retired = 0, n_used = 0;
	size_t n_available = 0, n_retiring = 0;
	const struct arena_chunk *chunk;

	cds_list_for_each_entry (chunk, &arena->chunks, all) {
		unsigned int listed = 0;

		for (unsigned int slot = chunk->retired; slot; slot = chunk->tables[slot].next)
			listed++;
		assert(listed == chunk->n_retired);
		assert(chunk->n_retired <= chunk->used && chunk->used < ARENA_CHUNK_TABLES);
		n_chunks++;
		n_idle += !chunk->used;
		n_retired += chunk->n_retired;
		n_used += chunk->used;
		n_available += chunk_has_table(chunk);
		n_retiring += chunk->retired != 0;
	}
	assert(n_chunks == arena->n_chunks && n_idle == arena->n_idle);
	assert(n_retired == arena->n_retired && n_used == arena->n_tables + arena->n_retired);
	cds_list_for_each_entry (chunk, &arena->available, available)
		n_available--;
	cds_list_for_each_entry (chunk, &arena->retiring, retiring)
		n_retiring--;
	assert(!n_available && !n_retiring);
#else
	(void)arena;
#endif
}
