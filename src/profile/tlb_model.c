/* SPDX-License-Identifier: MIT */
/*
 * Invariant: an entry with used == 0 is empty; the others of a cache have different keys.
 */
#include "profile/tlb_model.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"

struct tlb_entry {
	const void *domain;
	uint64_t start, size; /* what it translates */
	uint64_t used;	      /* model->clock then; 0: empty */
};

int tlb_model_init(struct tlb_model *model, struct tlb_geometry iotlb, struct tlb_geometry walks)
{
	assert(iotlb.ways && iotlb.entries % iotlb.ways == 0);
	assert(walks.ways && walks.entries % walks.ways == 0);
	*model = (struct tlb_model){.iotlb = iotlb, .walks = walks};
	model->pages = alloc_zeroed(iotlb.entries * sizeof(*model->pages));
	model->tables = alloc_zeroed(walks.entries * sizeof(*model->tables));
	if (model->pages && model->tables)
		return 0;
	tlb_model_destroy(model);
	return -ENOMEM;
}

void tlb_model_destroy(struct tlb_model *model)
{
	alloc_free(model->pages);
	alloc_free(model->tables);
	model->pages = model->tables = NULL;
}

/* The set of the page or table at @start; neighbours are in neighbouring sets. */
static struct tlb_entry *set_of(struct tlb_entry *entries, struct tlb_geometry geometry,
				const void *domain, uint64_t start, uint64_t size)
{
	const uint64_t sets = geometry.entries / geometry.ways;
	const uint64_t salt = (uint64_t)(uintptr_t)domain >> 6;

	return entries + (start / size + salt) % sets * geometry.ways;
}

/*
 * Whether the cache has the entry; it has it afterwards. The least recently used one of the set
 * makes space.
 */
static bool touch(struct tlb_model *model, struct tlb_entry *entries, struct tlb_geometry geometry,
		  const void *domain, uint64_t start, uint64_t size)
{
	struct tlb_entry *set = set_of(entries, geometry, domain, start, size), *oldest = set;

	for (uint32_t way = 0; way < geometry.ways; way++) {
		struct tlb_entry *entry = &set[way];

		if (entry->used && entry->domain == domain && entry->start == start &&
		    entry->size == size) {
			entry->used = ++model->clock;
			return true;
		}
		if (entry->used < oldest->used)
			oldest = entry;
	}
	*oldest = (struct tlb_entry){
		.domain = domain, .start = start, .size = size, .used = ++model->clock};
	return false;
}

unsigned int tlb_level(uint64_t size)
{
	const unsigned int shift = (unsigned int)__builtin_ctzll(size);

	return shift < TLB_PAGE_SHIFT ? 0 : (shift - TLB_PAGE_SHIFT) / TLB_LEVEL_SHIFT;
}

/* What an entry of a table at @level covers; 0: all. */
static uint64_t span_of(unsigned int level)
{
	const unsigned int shift = TLB_PAGE_SHIFT + level * TLB_LEVEL_SHIFT;

	return shift < 64 ? UINT64_C(1) << shift : 0;
}

/*
 * Walks from the lowest entry that the walk cache has, or from the root. Returns how many entries
 * are read. Those of all tables on the way are in the cache afterwards.
 */
static uint64_t walk(struct tlb_model *model, const struct tlb_access *access)
{
	const unsigned int leaf = tlb_level(access->size);
	uint64_t reads = 1;
	bool found = false;

	for (unsigned int level = leaf + 1; level <= access->top; level++) {
		const uint64_t span = span_of(level);
		const uint64_t start = span ? access->page & ~(span - 1) : 0;

		if (touch(model, model->tables, model->walks, access->domain, start,
			  span ? span : UINT64_MAX))
			found = true;
		if (!found)
			reads++;
	}
	/* Each address that is read, and the result, goes through the second stage. */
	return access->stage2 ? reads * (access->stage2 + 1) + access->stage2 : reads;
}

uint64_t tlb_model_access(struct tlb_model *model, const struct tlb_access *access, uint64_t times)
{
	uint64_t reads;

	assert(access->size && times);
	model->counts.lookups += times;
	if (touch(model, model->pages, model->iotlb, access->domain, access->page, access->size))
		return 0;
	reads = walk(model, access);
	model->counts.misses++;
	model->counts.walk_reads += reads;
	return reads;
}

static struct iova_range range_of(const struct tlb_entry *entry)
{
	return (struct iova_range){.start = entry->start, .last = entry->start + entry->size - 1};
}

uint64_t tlb_model_invalidate(struct tlb_model *model, const void *domain, struct iova_range range)
{
	uint64_t dropped = 0;

	for (uint32_t i = 0; i < model->iotlb.entries; i++) {
		struct tlb_entry *entry = &model->pages[i];

		if (!entry->used || entry->domain != domain ||
		    !iova_range_intersects(range_of(entry), range))
			continue;
		entry->used = 0;
		dropped++;
	}
	/* Tables that are emptied are freed; the others stay. */
	for (uint32_t i = 0; i < model->walks.entries; i++) {
		struct tlb_entry *entry = &model->tables[i];

		if (entry->used && entry->domain == domain &&
		    iova_range_contains(range, range_of(entry)))
			entry->used = 0;
	}
	model->counts.invalidations++;
	model->counts.dropped += dropped;
	return dropped;
}

uint64_t tlb_largest_page(uint64_t sizes, uint64_t iova, struct iova_range range, uint64_t address,
			  bool congruent)
{
	const uint64_t offset = address - range.start;

	while (sizes) {
		const uint64_t size = UINT64_C(1) << (63 - __builtin_clzll(sizes));
		const struct iova_range page = {.start = iova & ~(size - 1),
						.last = iova | (size - 1)};

		if (iova_range_contains(range, page) && !(congruent && offset & (size - 1)))
			return size;
		sizes &= ~size;
	}
	return 0;
}
