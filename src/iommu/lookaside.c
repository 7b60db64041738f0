/* SPDX-License-Identifier: MIT */
/* See lookaside.h. */
#include "iommu/lookaside.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "iommu/iommu.h"
#include "iommu/iommu_internal.h"
#include "iommu/nested_recent.h"

enum {
	STEP = LOOKASIDE_TAKEN * 2,
	CONFLICTS = 4, /* that many tables want a place before one gets it from another */
};

_Atomic uint64_t lookaside_counters[LOOKASIDE_COUNTERS];

/* ---- counters ---- */

static unsigned int block_shift(unsigned int level)
{
	return LOOKASIDE_BLOCK_SHIFT + IOPT_INDEX_BITS * level;
}

/* That of the block of @level around @iova. */
static size_t counter_of(const struct iommu_domain *domain, unsigned int level, uint64_t iova)
{
	return ((iova >> block_shift(level)) + lookaside_hash(domain) * 31 + level * 171) %
	       LOOKASIDE_COUNTERS;
}

/* Takes the value of a counter as a stamp, for what is read of the tables afterwards. */
static uint64_t take(size_t counter)
{
	_Atomic uint64_t *value = &lookaside_counters[counter];
	uint64_t now = atomic_load_explicit(value, memory_order_acquire);

	if (now & LOOKASIDE_TAKEN)
		return now;
	now = atomic_fetch_or(value, LOOKASIDE_TAKEN | counter) | LOOKASIDE_TAKEN | counter;
	/* What is read of the table afterwards is read after this, for all. */
	fence_after_atomic();
	return now;
}

static void change(size_t counter)
{
	_Atomic uint64_t *value = &lookaside_counters[counter];
	const uint64_t now = atomic_load_explicit(value, memory_order_acquire);

	/* If it is not taken, a thread that takes it later finds the tables changed. */
	if (now & LOOKASIDE_TAKEN)
		atomic_fetch_add(value, STEP - LOOKASIDE_TAKEN);
}

void lookaside_retired(const struct iommu_domain *domain, uint64_t iova, uint64_t len)
{
	for (unsigned int level = 0; level < LEAF_CODE_LEVELS; level++) {
		const uint64_t size = BIT(block_shift(level));
		const uint64_t blocks =
			((iova + (len - 1)) >> block_shift(level)) - (iova >> block_shift(level));
		uint64_t at = iova;

		for (uint64_t i = 0; i <= min_u64(blocks, LOOKASIDE_COUNTERS - 1); i++, at += size)
			change(counter_of(domain, level, at));
	}
}

void lookaside_forget_all(void)
{
	for (size_t i = 0; i < LOOKASIDE_COUNTERS; i++)
		change(i);
	recent_forget_all();
	/* What follows gives tables to others. */
	atomic_thread_fence(memory_order_seq_cst);
}

/* ---- the cache of a thread ---- */

/* Gives the calling thread a cache. NULL: there is no memory for it. */
static struct lookaside *create(void)
{
	struct nested_recent *recent = NULL;
	struct lookaside *cache;

	if (!gate_self && gate_register())
		return NULL;
	if (gate_self->cache)
		return gate_self->cache;
	cache = gate_self->torn_cache;
	if (cache) {
		recent = cache->recent;
		memset(cache, 0, sizeof(*cache));
	} else {
		cache = alloc_aligned(64, sizeof(*cache));
	}
	if (!cache)
		return NULL;
	if (recent)
		memset(recent, 0, sizeof(*recent));
	cache->recent = recent;
	memset(cache->shifts, LOOKASIDE_BLOCK_SHIFT, sizeof(cache->shifts));
	cache->last = cache->entries;
	gate_self->torn_cache = NULL;
	gate_set_cache(cache);
	return cache;
}

/*
 * Whether @entry is for a table of another block of the same domain, which keeps it more often than
 * not: where more tables are in use than there are places, the entries that stay are of use, and
 * most of the others need not be made.
 */
static bool is_kept(struct lookaside *cache, const struct lookaside_entry *entry,
		    const struct iommu_domain *domain, uint64_t block)
{
	return (entry->domain & ~(uint64_t)LOOKASIDE_RIGHTS) ==
		       (uintptr_t)domain + LOOKASIDE_USED &&
	       entry->block != block && ++cache->conflicts % CONFLICTS;
}

void lookaside_add(const struct iommu_domain *domain, uint64_t iova, uint64_t len)
{
	const unsigned int level = (log2_floor(len) - IOPT_TABLE_SHIFT) / IOPT_INDEX_BITS;
	const enum iopt_codes codes = iopt_format(domain->table)->codes;
	struct lookaside *cache = gate_cache ? gate_cache : create();
	struct lookaside_entry *entry;
	const uint64_t *table;
	unsigned int shift, found;
	uint64_t stamp, block;

	assert(rcu_read_ongoing());
	if (!cache || codes == IOPT_CODES_NONE || level >= LEAF_CODE_LEVELS)
		return;
	shift = block_shift(level);
	block = lookaside_block(iova, shift);
	entry = &cache->entries[lookaside_index(domain, iova, shift)];
	if (cache->nested == domain) /* another one had this address */
		cache->nested = NULL;
	if (is_kept(cache, entry, domain, block))
		return;
	/* The table and the state of dirty tracking are read after the stamp is taken. */
	stamp = take(counter_of(domain, level, iova));
	table = iopt_leaf_table(domain->table, iova, &found);
	if (!table || found != level)
		return;
	/* Writes that are found here leave no marks. */
	entry->domain = (uintptr_t)domain + LOOKASIDE_USED +
			(domain_is_tracked(domain) ? IOPT_READ : LOOKASIDE_RIGHTS);
	entry->block = block;
	entry->table = leaf_code_word(table, codes, level);
	entry->stamp = stamp;
	cache->shifts[lookaside_place(domain, iova)] = (uint8_t)shift;
}

bool lookaside_find_any(const struct iommu_domain *domain, uint64_t iova, unsigned int need,
			uint64_t *bus, uint64_t *len)
{
	struct lookaside *cache = gate_cache;
	const struct lookaside_entry *entry;
	struct lookaside_leaf leaf;
	struct iopt_leaf found;
	unsigned int shift;

	if (!cache)
		return false;
	shift = lookaside_shift(cache, domain, iova);
	entry = lookaside_entry_of(cache, domain, iova, need, shift);
	if (!lookaside_load(entry, shift - IOPT_INDEX_BITS, iova, &leaf) ||
	    !leaf_code_decode(leaf.code, leaf.entry, iova, &found) || (found.prot & need) != need)
		return false;
	*bus = found.oa;
	*len = found.len - (iova - found.start);
	return true;
}

struct nested_recent *lookaside_recent(void)
{
	struct lookaside *cache = gate_cache ? gate_cache : create();

	if (cache && !cache->recent)
		cache->recent = alloc_aligned(64, sizeof(*cache->recent));
	return cache ? cache->recent : NULL;
}
