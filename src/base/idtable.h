/* SPDX-License-Identifier: MIT */
/*
 * IDs of objects: 1 to 2^31 - 1, always the lowest that is free. Not locked: the owner's lock
 * guards the table. Reserve, store, erase and find are O(log64 n).
 *
 * An ID is free, reserved (taken, but finds nothing) or stored (finds its object).
 */
#ifndef BASE_IDTABLE_H
#define BASE_IDTABLE_H

#include <stdbool.h>
#include <stdint.h>

struct idtable {
	void **slots;	     /* by ID; NULL for free and reserved ones */
	uint64_t *levels[6]; /* bitmaps: idtable.c */
	uint32_t capacity;   /* IDs that fit: a multiple of 64 */
	uint32_t taken;	     /* reserved and stored IDs */
};

void idtable_init(struct idtable *table);

/* Frees the table's own memory. The caller owns what is stored. */
void idtable_destroy(struct idtable *table);

/* Takes the lowest free ID, which finds nothing yet. 0 or -ENOMEM (also: all IDs are taken). */
int idtable_reserve(struct idtable *table, uint32_t *id);

/* From now on the reserved @id finds @object (not NULL). */
void idtable_store(struct idtable *table, uint32_t id, void *object);

/* From now on @id finds nothing; it stays taken until idtable_erase(). */
void idtable_hide(struct idtable *table, uint32_t id);

/* Frees @id, which is reserved or stored. */
void idtable_erase(struct idtable *table, uint32_t id);

/* The object of @id, which may be any number, or NULL. */
void *idtable_find(const struct idtable *table, uint32_t id);

/* The stored object with the lowest ID that is at least *@id, and that ID in *@id. NULL: none. */
void *idtable_next(const struct idtable *table, uint32_t *id);

/* True if no ID is taken. */
bool idtable_empty(const struct idtable *table);

/* For tests: the first invariant (idtable.c) that does not hold, or NULL. O(n). */
const char *idtable_check(const struct idtable *table);

#endif
