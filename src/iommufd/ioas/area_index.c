/* SPDX-License-Identifier: MIT */
/*
 * Invariants, while there are slots:
 * - every area of the map that is not busy is in one slot, and nothing else is;
 * - at most three quarters of the slots are used, so each search ends at an empty one;
 * - no slot between the home of an area's source and the area is empty.
 */
#include "iommufd/ioas/area_index.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/observe.h"
#include "iommufd/ioas/area.h"

enum {
	BITS_MIN = 8,
};

static size_t mask_of(const struct area_index *index)
{
	return ((size_t)1 << index->bits) - 1;
}

static size_t home_of(const struct area_index *index, const struct mem_source *source)
{
	return (size_t)((uint64_t)(uintptr_t)source * UINT64_C(0x9e3779b97f4a7c15) >>
			(64 - index->bits));
}

static bool make_slots(struct area_index *index, unsigned int bits)
{
	index->slots = alloc_array((size_t)1 << bits, sizeof(struct area *));
	index->bits = bits;
	index->count = 0;
	return index->slots != NULL;
}

/* There is space. */
static void place(struct area_index *index, struct area *area)
{
	size_t at = home_of(index, area_source(area));

	while (index->slots[at])
		at = (at + 1) & mask_of(index);
	index->slots[at] = area;
	index->count++;
}

void area_index_destroy(struct area_index *index)
{
	alloc_free(index->slots);
	*index = (struct area_index){.slots = NULL};
}

static bool is_full(const struct area_index *index)
{
	return index->count >= ((size_t)3 << index->bits) / 4;
}

/* Twice as many slots. False: no memory. */
static bool grow(struct area_index *index)
{
	struct area_index grown;

	if (!make_slots(&grown, index->bits + 1))
		return false;
	for (size_t i = 0; i <= mask_of(index); i++) {
		if (index->slots[i])
			place(&grown, index->slots[i]);
	}
	area_index_destroy(index);
	*index = grown;
	return true;
}

void area_index_add(struct area_index *index, struct area *area)
{
	if (!index->slots)
		return;
	if (is_full(index) && !grow(index))
		area_index_destroy(index);
	else
		place(index, area);
}

/* Closes the gap at @gap: moves each area up that a search would not find behind it. */
static void close_gap(struct area_index *index, size_t gap)
{
	const size_t mask = mask_of(index);

	for (size_t at = (gap + 1) & mask; index->slots[at]; at = (at + 1) & mask) {
		const size_t home = home_of(index, area_source(index->slots[at]));

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		index->slots[gap] = index->slots[at];
		gap = at;
	}
	index->slots[gap] = NULL;
}

void area_index_remove(struct area_index *index, const struct area *area)
{
	size_t at;

	if (!index->slots)
		return;
	at = home_of(index, area_source(area));
	while (index->slots[at] != area) {
		assert(index->slots[at]);
		at = (at + 1) & mask_of(index);
	}
	index->count--;
	close_gap(index, at);
}

void area_index_for_each(const struct area_index *index, const struct mem_source *source,
			 void (*visit)(struct area *area, void *arg), void *arg)
{
	size_t at = home_of(index, source);

	for (; index->slots[at]; at = (at + 1) & mask_of(index)) {
		if (area_source(index->slots[at]) == source)
			visit(index->slots[at], arg);
	}
}

static int place_entry(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;

	if (!area->busy)
		place(arg, entry->value);
	return 0;
}

bool area_index_make(struct ioas *ioas)
{
	struct area_index *index = &ioas->index;
	unsigned int bits = BITS_MIN;

	lock_assert_held(&ioas->lock);
	if (index->slots)
		return true;
	while (ioas->areas.count > ((size_t)1 << bits) / 2)
		bits++;
	if (!make_slots(index, bits))
		return false;
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, place_entry, index);
	observe(OBSERVER_MOVES);
	return true;
}
