/* SPDX-License-Identifier: MIT */
/* See pasids.h. */
#include "iommu/pasids.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/rcu.h"

static unsigned int slot_of(uint32_t pasid, unsigned int level)
{
	return pasid >> level * PASID_INDEX_BITS & (PASID_SLOTS - 1);
}

void *pasids_find(const struct pasid_node *pasids, uint32_t pasid)
{
	const struct pasid_node *node = pasids;

	if (pasid >> PASID_BITS)
		return NULL;
	for (unsigned int level = PASID_LEVELS - 1; node && level; level--)
		node = rcu_load(&node->slots[slot_of(pasid, level)]);
	return node ? rcu_load(&node->slots[slot_of(pasid, 0)]) : NULL;
}

/* pasids_next() below @node, which is on @level and @*pasid in its range. */
static void *next_below(const struct pasid_node *node, unsigned int level, uint32_t *pasid)
{
	const unsigned int shift = level * PASID_INDEX_BITS;
	const uint32_t from = *pasid;

	for (unsigned int i = slot_of(from, level); i < PASID_SLOTS; i++) {
		void *below = rcu_load(&node->slots[i]);

		if (i != slot_of(from, level))
			*pasid = (from >> shift >> PASID_INDEX_BITS << PASID_INDEX_BITS | i)
				 << shift;
		if (below && level)
			below = next_below(below, level - 1, pasid);
		if (below)
			return below;
	}
	return NULL;
}

void *pasids_next(const struct pasid_node *pasids, uint32_t *pasid)
{
	if (!pasids || *pasid >> PASID_BITS)
		return NULL;
	return next_below(pasids, PASID_LEVELS - 1, pasid);
}

static struct pasid_node *create_node(void)
{
	return alloc_zeroed(sizeof(struct pasid_node));
}

int pasids_reserve(struct pasid_node **pasids, uint32_t pasid)
{
	struct pasid_node *node;

	assert(!(pasid >> PASID_BITS));
	if (!*pasids)
		rcu_store(pasids, create_node());
	node = *pasids;
	for (unsigned int level = PASID_LEVELS - 1; node && level; level--) {
		void **slot = &node->slots[slot_of(pasid, level)];

		if (!*slot)
			rcu_store(slot, (void *)create_node());
		node = *slot;
	}
	return node ? 0 : -ENOMEM;
}

void pasids_set(struct pasid_node *pasids, uint32_t pasid, void *value)
{
	struct pasid_node *node = pasids;

	for (unsigned int level = PASID_LEVELS - 1; level; level--)
		node = node->slots[slot_of(pasid, level)];
	rcu_store(&node->slots[slot_of(pasid, 0)], value);
}

static void destroy_below(struct pasid_node *node, unsigned int level)
{
	for (unsigned int i = 0; level && i < PASID_SLOTS; i++) {
		if (node->slots[i])
			destroy_below(node->slots[i], level - 1);
	}
	alloc_free(node);
}

void pasids_destroy(struct pasid_node *pasids)
{
	if (pasids)
		destroy_below(pasids, PASID_LEVELS - 1);
}
