/* SPDX-License-Identifier: MIT */
/*
 * Small integers for objects: 1 .. 2^31-1, always the lowest free one. Not locked: the owner's lock
 * guards it. Reserve, store, erase and find are O(log64 n).
 *
 * An ID is free, reserved (taken, finds nothing) or stored (finds its object).
 */
#ifndef BASE_IDTABLE_H
#define BASE_IDTABLE_H

#include <stdbool.h>
#include <stdint.h>

struct idtable {
	void **slots;	     /* by ID; NULL for free and reserved ones */
	uint64_t *levels[6]; /* bitmaps of taken IDs; a bit of level n+1 says that a word of level n
				is full */
	uint32_t capacity;   /* IDs that fit: a multiple of 64 */
	uint32_t taken;	     /* reserved and stored IDs */
};

void idtable_init(struct idtable *table);

/* Frees the table's own memory; what is stored is the owner's. */
void idtable_destroy(struct idtable *table);

/* Takes the lowest free ID. 0 or -ENOMEM (also: all IDs taken). Nothing is found under it until it
 * is stored. */
int idtable_reserve(struct idtable *table, uint32_t *id);

/* Publishes @object (not NULL) under the reserved @id. */
void idtable_store(struct idtable *table, uint32_t id, void *object);

/* Takes the object away but keeps @id taken (for good, or until idtable_erase()). */
void idtable_hide(struct idtable *table, uint32_t id);

/* Frees @id at once. */
void idtable_erase(struct idtable *table, uint32_t id);

/* The object, or NULL for any @id that has none. */
void *idtable_find(const struct idtable *table, uint32_t id);

/* The stored object with the lowest ID that is at least *@id; *@id becomes its ID. NULL if there is
 * none. */
void *idtable_next(const struct idtable *table, uint32_t *id);

/* True if no ID is taken. */
bool idtable_empty(const struct idtable *table);

#endif
