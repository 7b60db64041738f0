/* SPDX-License-Identifier: MIT */
/* Memory that runs out costs accuracy: pages or mappings that are not counted. */
#include "profile/profile_mapping.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

enum {
	PART_PAGES = 32768, /* of one bitmap */
	WORD_BITS = 64,
	SITES_MAX = 4096,
};

static struct {
	struct mapping **kept;
	size_t count, capacity;
	struct site sites[SITES_MAX]; /* the last one is of all that have no space */
	size_t site_count;
} all;

static struct site *find_site(uint32_t stack)
{
	for (size_t i = 0; i < all.site_count; i++)
		if (all.sites[i].stack == stack)
			return &all.sites[i];
	if (all.site_count == SITES_MAX)
		return &all.sites[SITES_MAX - 1];
	all.sites[all.site_count].stack = stack;
	return &all.sites[all.site_count++];
}

static uint64_t page_count(const struct mapping *mapping)
{
	return (mapping->range.last >> PAGE_SHIFT) - (mapping->range.start >> PAGE_SHIFT) + 1;
}

static size_t part_count(const struct mapping *mapping)
{
	return (size_t)((page_count(mapping) + PART_PAGES - 1) / PART_PAGES);
}

/* Keeps a pointer to @mapping. False: there are too many, or no memory. */
static bool keep(struct mapping *mapping)
{
	size_t capacity = all.capacity ? 2 * all.capacity : 256;
	struct mapping **grown;

	if (all.count == MAPPINGS_KEPT)
		return false;
	if (all.count == all.capacity) {
		grown = alloc_resize(all.kept, capacity, sizeof(*grown));
		if (!grown)
			return false;
		all.kept = grown;
		all.capacity = capacity;
	}
	all.kept[all.count++] = mapping;
	return true;
}

struct mapping *mapping_create(uint32_t table, struct iova_range range, uint64_t address,
			       uint64_t sizes, uint32_t stack)
{
	const uint64_t pages = (range.last >> PAGE_SHIFT) - (range.start >> PAGE_SHIFT) + 1;
	const uint32_t slots = (uint32_t)min_u64(pages, HEAT_SLOTS);
	struct mapping *mapping = alloc_zeroed(sizeof(*mapping) + slots * sizeof(mapping->heat[0]));

	if (!mapping)
		return NULL;
	mapping->range = range;
	mapping->address = address;
	mapping->sizes = sizes;
	mapping->table = table;
	mapping->slots = slots;
	mapping->site = find_site(stack);
	mapping->pages = alloc_array(part_count(mapping), sizeof(*mapping->pages));
	mapping->site->mappings++;
	mapping->site->mapped += iova_range_len(range);
	if (keep(mapping))
		return mapping;
	/* Its sums come to the site when it is gone. */
	mapping->slots = 0;
	return mapping;
}

static void free_pages(struct mapping *mapping)
{
	for (size_t i = 0; mapping->pages && i < part_count(mapping); i++)
		alloc_free(mapping->pages[i]);
	alloc_free(mapping->pages);
	mapping->pages = NULL;
}

void mapping_retire(struct mapping *mapping)
{
	usage_add(&mapping->site->usage, &mapping->usage);
	free_pages(mapping);
	mapping->gone = true;
	if (!mapping->slots)
		alloc_free(mapping);
}

/* Marks page number @page; counts it the first time. */
static void touch_page(struct mapping *mapping, uint64_t page)
{
	uint64_t **part = mapping->pages ? &mapping->pages[page / PART_PAGES] : NULL;
	const uint64_t bit = UINT64_C(1) << page % WORD_BITS;
	uint64_t *word;

	if (part && !*part)
		*part = alloc_zeroed(PART_PAGES / 8);
	if (!part || !*part)
		return;
	word = &(*part)[page % PART_PAGES / WORD_BITS];
	if (*word & bit)
		return;
	*word |= bit;
	mapping->usage.touched++;
}

void mapping_touch(struct mapping *mapping, uint64_t iova, uint64_t len, uint64_t lookups)
{
	const uint64_t first = (mapping->range.start >> PAGE_SHIFT);
	const uint64_t page = (iova >> PAGE_SHIFT) - first;
	const uint64_t last = ((iova + (len - 1)) >> PAGE_SHIFT) - first;

	mapping->usage.lookups += lookups;
	mapping->usage.bytes += len;
	for (uint64_t at = page; at <= last; at++)
		touch_page(mapping, at);
	if (mapping->slots)
		mapping->heat[page * mapping->slots / page_count(mapping)] += (uint32_t)lookups;
}

void usage_add(struct usage *sum, const struct usage *usage)
{
	sum->lookups += usage->lookups;
	sum->bytes += usage->bytes;
	for (int model = 0; model < MODELS; model++) {
		sum->misses[model] += usage->misses[model];
		sum->reads[model] += usage->reads[model];
	}
	sum->invalidations += usage->invalidations;
	sum->dropped += usage->dropped;
	sum->touched += usage->touched;
}

void mappings_visit(void (*visit)(const struct mapping *mapping, void *arg), void *arg)
{
	for (size_t i = 0; i < all.count; i++)
		visit(all.kept[i], arg);
}

void sites_visit(void (*visit)(const struct site *site, const struct usage *usage, void *arg),
		 void *arg)
{
	for (size_t i = 0; i < all.site_count; i++) {
		struct usage usage = all.sites[i].usage;

		for (size_t j = 0; j < all.count; j++)
			if (all.kept[j]->site == &all.sites[i] && !all.kept[j]->gone)
				usage_add(&usage, &all.kept[j]->usage);
		visit(&all.sites[i], &usage, arg);
	}
}

void mappings_begin_again(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < all.site_count; i++) {
		const uint32_t stack = all.sites[i].stack;

		all.sites[i] = (struct site){.stack = stack};
	}
	for (size_t i = 0; i < all.count; i++) {
		struct mapping *mapping = all.kept[i];

		if (mapping->gone) {
			alloc_free(mapping);
			continue;
		}
		mapping->usage = (struct usage){.lookups = 0};
		memset(mapping->heat, 0, mapping->slots * sizeof(mapping->heat[0]));
		for (size_t part = 0; mapping->pages && part < part_count(mapping); part++) {
			alloc_free(mapping->pages[part]);
			mapping->pages[part] = NULL;
		}
		mapping->site->mappings++;
		mapping->site->mapped += iova_range_len(mapping->range);
		all.kept[kept++] = mapping;
	}
	all.count = kept;
}
