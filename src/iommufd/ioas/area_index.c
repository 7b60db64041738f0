/* SPDX-License-Identifier: MIT */
/*
 * An area is in the tier whose granule has at least as many pages as it, under its source and the
 * granule of that in which it begins. So it reaches at most into the next granule, and a search
 * looks, for each tier that has areas, at the granules of its pages and the one before them. By
 * its own address an area is found when it goes.
 *
 * Invariants, while there are lists:
 * - every area of the map that is not busy has one entry, in both tables, and nothing else has;
 * - @in_tier are the numbers of entries of each tier, and @count is their sum.
 */
#include "iommufd/ioas/area_index.h"

#include <assert.h>
#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/observe.h"
#include "iommufd/ioas/area.h"
#include "mem/index.h"

enum {
	BITS_MIN = 8,
	ENTRY_SIZE = 64, /* padded to a cache line */
};

struct entry {
	struct index_link of_pages, of_area;
	struct area *area;
	unsigned int tier;
};

static struct pool entries = POOL_INIT(ENTRY_SIZE);

_Static_assert(sizeof(struct entry) <= ENTRY_SIZE, "an entry fits in a cache line");

/* log2 of the pages of a granule. The last tier also takes what is longer. */
static const unsigned int shifts[AREA_INDEX_TIERS] = {0, 4, 9, 18, 52};

static unsigned int tier_of(struct mem_pages pages)
{
	unsigned int tier = 0;

	while (tier < AREA_INDEX_TIERS - 1 && pages.count > UINT64_C(1) << shifts[tier])
		tier++;
	return tier;
}

static size_t hash(const struct area_index *index, uint64_t key)
{
	return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - index->bits));
}

/* The list of @granule of @tier in @source. */
static struct index_link **list_of(const struct area_index *index, const struct mem_source *source,
				   unsigned int tier, uint64_t granule)
{
	const uint64_t of_granule = (granule << 3 | tier) * UINT64_C(0xff51afd7ed558ccd);

	return &index->by_pages[hash(index, (uintptr_t)source ^ of_granule ^ of_granule >> 32)];
}

static struct index_link **list_of_area(const struct area_index *index, const struct area *area)
{
	return &index->by_area[hash(index, (uintptr_t)area)];
}

static size_t lists(const struct area_index *index)
{
	return (size_t)1 << index->bits;
}

/* Tables of lists without entries, one behind the other. */
static bool make_lists(struct area_index *index, unsigned int bits)
{
	struct index_link **tables = alloc_array((size_t)2 << bits, sizeof(struct index_link *));

	if (!tables)
		return false;
	index->by_pages = tables;
	index->by_area = tables + ((size_t)1 << bits);
	index->bits = bits;
	return true;
}

static void place(struct area_index *index, struct entry *entry)
{
	const struct area *area = entry->area;
	const uint64_t granule = area_pages(area).first >> shifts[entry->tier];

	index_link_push(list_of(index, area_source(area), entry->tier, granule), &entry->of_pages);
	index_link_push(list_of_area(index, area), &entry->of_area);
}

/* False: no memory. */
static bool add(struct area_index *index, struct area *area)
{
	struct entry *entry = pool_alloc(&entries);

	if (!entry)
		return false;
	entry->area = area;
	entry->tier = tier_of(area_pages(area));
	place(index, entry);
	index->in_tier[entry->tier]++;
	index->count++;
	return true;
}

static void for_each_entry(const struct area_index *index,
			   void (*visit)(struct entry *entry, void *arg), void *arg)
{
	struct index_link *next;

	for (size_t i = 0; i < lists(index); i++) {
		for (struct index_link *link = index->by_area[i]; link; link = next) {
			next = link->next;
			visit(caa_container_of(link, struct entry, of_area), arg);
		}
	}
}

static void free_entry(struct entry *entry, void *arg)
{
	(void)arg;
	pool_free(&entries, entry);
}

void area_index_destroy(struct area_index *index)
{
	if (!index->by_pages)
		return;
	for_each_entry(index, free_entry, NULL);
	alloc_free(index->by_pages);
	*index = (struct area_index){.by_pages = NULL};
}

static void move_entry(struct entry *entry, void *arg)
{
	place(arg, entry);
}

/* Twice as many lists. False: no memory. */
static bool grow(struct area_index *index)
{
	struct area_index grown = *index;

	if (!make_lists(&grown, index->bits + 1))
		return false;
	for_each_entry(index, move_entry, &grown);
	alloc_free(index->by_pages);
	*index = grown;
	return true;
}

void area_index_add(struct area_index *index, struct area *area)
{
	if (!index->by_pages)
		return;
	if ((index->count >= lists(index) && !grow(index)) || !add(index, area))
		area_index_destroy(index);
}

static struct entry *find(const struct area_index *index, const struct area *area)
{
	for (struct index_link *link = *list_of_area(index, area); link; link = link->next) {
		struct entry *entry = caa_container_of(link, struct entry, of_area);

		if (entry->area == area)
			return entry;
	}
	return NULL;
}

void area_index_remove(struct area_index *index, const struct area *area)
{
	struct entry *entry;

	if (!index->by_pages)
		return;
	entry = find(index, area);
	assert(entry);
	index_link_remove(&entry->of_pages);
	index_link_remove(&entry->of_area);
	index->in_tier[entry->tier]--;
	index->count--;
	pool_free(&entries, entry);
}

struct search {
	const struct area_index *index;
	const struct mem_source *source;
	unsigned int tier;
	uint64_t first, last; /* granules */
	void (*visit)(struct area *area, void *arg);
	void *arg;
};

static void visit_entry(struct entry *entry, void *arg)
{
	const struct search *search = arg;
	uint64_t granule;

	if (entry->tier != search->tier || area_source(entry->area) != search->source)
		return;
	granule = area_pages(entry->area).first >> shifts[entry->tier];
	if (granule >= search->first && granule <= search->last)
		search->visit(entry->area, search->arg);
}

/* What two granules of one list have is visited with its own. */
static void search_granule(const struct search *search, uint64_t granule)
{
	struct search own = *search;

	own.first = own.last = granule;
	for (struct index_link *link =
		     *list_of(search->index, search->source, search->tier, granule);
	     link; link = link->next)
		visit_entry(caa_container_of(link, struct entry, of_pages), &own);
}

static void search_tier(struct search *search)
{
	/* All entries are fewer than the granules to look at. */
	if (search->last - search->first >= search->index->count) {
		for_each_entry(search->index, visit_entry, search);
		return;
	}
	for (uint64_t granule = search->first; granule <= search->last; granule++)
		search_granule(search, granule);
}

void area_index_for_each(const struct area_index *index, const struct mem_source *source,
			 struct mem_pages pages, void (*visit)(struct area *area, void *arg),
			 void *arg)
{
	struct search search = {.index = index, .source = source, .visit = visit, .arg = arg};
	const uint64_t last = pages.first + (pages.count - 1);

	for (unsigned int tier = 0; tier < AREA_INDEX_TIERS; tier++) {
		if (!index->in_tier[tier])
			continue;
		search.tier = tier;
		search.first = pages.first >> shifts[tier];
		search.first -= !!search.first;
		search.last = last >> shifts[tier];
		search_tier(&search);
	}
}

static int add_entry(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;

	return !area->busy && !add(arg, entry->value);
}

bool area_index_make(struct ioas *ioas)
{
	struct area_index *index = &ioas->index;
	unsigned int bits = BITS_MIN;

	lock_assert_held(&ioas->lock);
	if (index->by_pages)
		return true;
	while (ioas->areas.count > (size_t)1 << bits)
		bits++;
	if (!make_lists(index, bits))
		return false;
	if (iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, add_entry, index)) {
		area_index_destroy(index);
		return false;
	}
	observe(OBSERVER_MOVES);
	return true;
}
