/* SPDX-License-Identifier: MIT */
/*
 * A tree of bitmaps over an array of pointers.
 *
 * Invariants:
 * - level 0 has one bit per ID, set while the ID is taken; ID 0 is always taken and finds nothing;
 * - a bit of level n + 1 is set while a word of level n is full;
 * - the levels end with the first that is a single word; those above are NULL;
 * - bits past the end of a level are 0, so the lowest clear bit of the top word leads down to the
 *   lowest free ID, or to one past the capacity if all are taken;
 * - what is stored is under a taken ID, and @taken counts these (without ID 0).
 *
 * The table doubles when it is full and never shrinks. Memory: a pointer and about a bit per ID.
 */
#include "base/idtable.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

#define WORD_SHIFT   6u
#define WORD_BITS    (1u << WORD_SHIFT)
#define WORD_MASK    (WORD_BITS - 1)
#define WORD_FULL    UINT64_MAX
#define LEVELS	     (sizeof(((struct idtable *)0)->levels) / sizeof(uint64_t *))
#define CAPACITY_MIN WORD_BITS
#define CAPACITY_MAX (UINT32_C(1) << 31)

static uint64_t bit_of(uint32_t index)
{
	return UINT64_C(1) << (index & WORD_MASK);
}

/* Words of a bitmap of @bits bits. */
static uint32_t words_for(uint32_t bits)
{
	return (bits + WORD_MASK) >> WORD_SHIFT;
}

static unsigned int lowest_clear(uint64_t word)
{
	return (unsigned int)__builtin_ctzll(~word);
}

void idtable_init(struct idtable *table)
{
	*table = (struct idtable){0};
}

void idtable_destroy(struct idtable *table)
{
	for (unsigned int level = 0; level < LEVELS; level++)
		alloc_free(table->levels[level]);
	alloc_free(table->slots);
	idtable_init(table);
}

static bool is_taken(const struct idtable *table, uint32_t id)
{
	return id < table->capacity && table->levels[0][id >> WORD_SHIFT] & bit_of(id);
}

/* Takes @id: sets its bit, and above it the bit of each word that this filled. */
static void set_taken(struct idtable *table, uint32_t id)
{
	uint32_t index = id;

	for (unsigned int level = 0; level < LEVELS && table->levels[level]; level++) {
		uint64_t *word = &table->levels[level][index >> WORD_SHIFT];

		*word |= bit_of(index);
		if (*word != WORD_FULL)
			return;
		index >>= WORD_SHIFT;
	}
}

static void set_free(struct idtable *table, uint32_t id)
{
	uint32_t index = id;

	for (unsigned int level = 0; level < LEVELS && table->levels[level]; level++) {
		uint64_t *word = &table->levels[level][index >> WORD_SHIFT];
		bool was_full = *word == WORD_FULL;

		*word &= ~bit_of(index);
		if (!was_full)
			return;
		index >>= WORD_SHIFT;
	}
}

/* Allocates the slots and bitmaps of the empty @table. On failure the caller destroys it. */
static int allocate(struct idtable *table, uint32_t capacity)
{
	uint32_t words = capacity;

	table->slots = alloc_array(capacity, sizeof(*table->slots));
	if (!table->slots)
		return -ENOMEM;
	for (unsigned int level = 0; level == 0 || words > 1; level++) {
		words = words_for(words);
		table->levels[level] = alloc_array(words, sizeof(uint64_t));
		if (!table->levels[level])
			return -ENOMEM;
	}
	table->capacity = capacity;
	return 0;
}

static int grow(struct idtable *table)
{
	struct idtable bigger = {.taken = table->taken};

	if (table->capacity == CAPACITY_MAX)
		return -ENOMEM;
	if (allocate(&bigger, table->capacity ? 2 * table->capacity : CAPACITY_MIN)) {
		idtable_destroy(&bigger);
		return -ENOMEM;
	}
	set_taken(&bigger, 0);
	/* A table grows only when it is full. */
	for (uint32_t id = 1; id < table->capacity; id++)
		set_taken(&bigger, id);
	if (table->capacity)
		memcpy(bigger.slots, table->slots, table->capacity * sizeof(*table->slots));
	idtable_destroy(table);
	*table = bigger;
	return 0;
}

/* The lowest free ID; the capacity or more if there is none. */
static uint32_t lowest_free(const struct idtable *table)
{
	uint32_t bits[LEVELS]; /* of each level, without those past its end */
	uint32_t index = 0;
	unsigned int top = 0;

	if (!table->capacity)
		return 0;
	bits[0] = table->capacity;
	while (top + 1 < LEVELS && table->levels[top + 1]) {
		bits[top + 1] = words_for(bits[top]);
		top++;
	}

	for (unsigned int level = top;; level--) {
		uint64_t word = table->levels[level][index];

		if (word == WORD_FULL)
			return table->capacity;
		index = (index << WORD_SHIFT) + lowest_clear(word);
		if (index >= bits[level])
			return table->capacity;
		if (level == 0)
			return index;
	}
}

int idtable_reserve(struct idtable *table, uint32_t *id)
{
	uint32_t lowest = lowest_free(table);

	if (lowest >= table->capacity) {
		int rc = grow(table);

		if (rc)
			return rc;
		lowest = lowest_free(table);
	}
	set_taken(table, lowest);
	table->taken++;
	*id = lowest;
	return 0;
}

void idtable_store(struct idtable *table, uint32_t id, void *object)
{
	assert(object && id && is_taken(table, id));
	table->slots[id] = object;
}

void idtable_hide(struct idtable *table, uint32_t id)
{
	assert(id && is_taken(table, id));
	table->slots[id] = NULL;
}

void idtable_erase(struct idtable *table, uint32_t id)
{
	idtable_hide(table, id);
	set_free(table, id);
	table->taken--;
}

void *idtable_find(const struct idtable *table, uint32_t id)
{
	return id < table->capacity ? table->slots[id] : NULL;
}

void *idtable_next(const struct idtable *table, uint32_t *id)
{
	uint32_t next = *id;

	while (next < table->capacity) {
		uint64_t ahead = table->levels[0][next >> WORD_SHIFT] >> (next & WORD_MASK);

		if (!ahead) {
			next = (next | WORD_MASK) + 1;
			continue;
		}
		next += (uint32_t)__builtin_ctzll(ahead);
		if (table->slots[next]) {
			*id = next;
			return table->slots[next];
		}
		next++;
	}
	return NULL;
}

bool idtable_empty(const struct idtable *table)
{
	return table->taken == 0;
}

/* Whether each bit of @level, which has @bits bits, says what the word below it says. */
static bool level_is_right(const struct idtable *table, unsigned int level, uint32_t bits)
{
	const uint64_t *words = table->levels[level];

	for (uint32_t i = 0; i < words_for(bits) << WORD_SHIFT; i++) {
		bool set = words[i >> WORD_SHIFT] & bit_of(i);

		if (set != (i < bits && table->levels[level - 1][i] == WORD_FULL))
			return false;
	}
	return true;
}

const char *idtable_check(const struct idtable *table)
{
	uint32_t bits = table->capacity, taken = 0;

	for (uint32_t id = 0; id < table->capacity; id++) {
		if (table->slots[id] && !is_taken(table, id))
			return "an object under a free ID";
		taken += is_taken(table, id);
	}
	if (table->capacity && (!is_taken(table, 0) || table->slots[0]))
		return "ID 0";
	if (table->capacity && taken != table->taken + 1)
		return "count of taken IDs";
	for (unsigned int level = 1; level < LEVELS && table->levels[level]; level++) {
		bits = words_for(bits);
		if (bits == 1)
			return "a level above a single word";
		if (!level_is_right(table, level, bits))
			return "a bit above a word";
	}
	return NULL;
}
