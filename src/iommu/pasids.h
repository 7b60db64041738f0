/* SPDX-License-Identifier: MIT */
/*
 * What PASIDs have, such as a domain of an endpoint: a radix tree, to which readers need no lock.
 * Nodes stay until the whole tree is destroyed, so a change is one store, and waits for no reader.
 *
 * Locks: its owner serialises changes.
 *
 * Cost: PASID_LEVELS loads, however many PASIDs there are; a KiB for each 128 of them.
 */
#ifndef IOMMU_PASIDS_H
#define IOMMU_PASIDS_H

#include <stdint.h>

enum {
	PASID_LEVELS = 3,
	PASID_INDEX_BITS = 7, /* of a level */
	PASID_SLOTS = 1 << PASID_INDEX_BITS,
	PASID_BITS = PASID_LEVELS * PASID_INDEX_BITS, /* one more than PASIDs have */
};

struct pasid_node {
	void *slots[PASID_SLOTS]; /* atomic; nodes, or in the lowest ones values; NULL: none */
};

/* The value of @pasid, or NULL. @pasids may be NULL: there are none. */
void *pasids_find(const struct pasid_node *pasids, uint32_t pasid);

/* The first one from @*pasid on, and sets @*pasid to its PASID; or NULL. */
void *pasids_next(const struct pasid_node *pasids, uint32_t *pasid);

/* Makes sure that pasids_set() finds a place for @pasid in *@pasids. 0 or -ENOMEM. */
int pasids_reserve(struct pasid_node **pasids, uint32_t pasid);

/* After pasids_reserve(). NULL removes it. */
void pasids_set(struct pasid_node *pasids, uint32_t pasid, void *value);

/* Context: no reader is left. */
void pasids_destroy(struct pasid_node *pasids);

#endif
