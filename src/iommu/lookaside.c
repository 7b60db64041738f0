/* SPDX-License-Identifier: MIT */
/* See lookaside.h. */
#include "iommu/lookaside.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "iommu/iommu.h"

enum {
	STEP = LOOKASIDE_TAKEN * 2,
};

struct lookaside_counter lookaside_counters[LOOKASIDE_COUNTERS];

/* The sizes of larger blocks, as log2. */
static const uint8_t block_shifts[] = {30, LOOKASIDE_REGION_SHIFT};

static size_t domain_counter(const struct iommu_domain *domain)
{
	return LOOKASIDE_REGIONS + ((uintptr_t)domain >> 7) % LOOKASIDE_DOMAINS;
}

uint64_t lookaside_take(size_t counter)
{
	_Atomic uint64_t *value = &lookaside_counters[counter].value;
	const uint64_t now = atomic_load_explicit(value, memory_order_acquire);

	if (now & LOOKASIDE_TAKEN)
		return now;
	/* A full fence: what is read of the table afterwards is read after this, for all. */
	return atomic_fetch_or(value, LOOKASIDE_TAKEN | counter) | LOOKASIDE_TAKEN | counter;
}

static void change(size_t counter)
{
	_Atomic uint64_t *value = &lookaside_counters[counter].value;
	const uint64_t now = atomic_load_explicit(value, memory_order_acquire);

	/* If it is not taken, who takes it later finds the table changed. */
	if (now & LOOKASIDE_TAKEN)
		atomic_fetch_add(value, STEP - LOOKASIDE_TAKEN);
}

struct lookaside *lookaside_create(void)
{
	struct lookaside *cache;

	if (!gate_self && gate_register())
		return NULL;
	if (gate_self->cache)
		return gate_self->cache;
	cache = gate_self->torn_cache;
	if (!cache)
		cache = alloc_aligned(64, sizeof(*cache));
	if (!cache)
		return NULL;
	gate_self->torn_cache = NULL;
	/* No domain has the address of the cache. */
	for (size_t i = 0; i < LOOKASIDE_ENTRIES; i++)
		cache->entries[i].domain = (const struct iommu_domain *)(const void *)cache;
	memset(cache->shifts, 12, sizeof(cache->shifts));
	gate_self->cache = cache;
	return cache;
}

void lookaside_add_block(const struct iommu_domain *domain, uint64_t iova)
{
	const struct iopt *table = iommu_domain_table(domain);

	for (size_t i = 0; i < sizeof(block_shifts); i++) {
		const unsigned int shift = block_shifts[i];
		const uint64_t size = BIT(shift), start = iova & ~(size - 1);
		const uint64_t stamp = shift > LOOKASIDE_REGION_SHIFT
					       ? lookaside_take(domain_counter(domain))
					       : lookaside_stamp(domain, iova);
		const unsigned int rights =
			iommu_domain_dirty_tracking(domain) ? IOPT_READ : IOPT_READ | IOPT_WRITE;
		struct iopt_leaf block;

		if (!iopt_translate_extent(table, start, size, &block) ||
		    block.len - (start - block.start) < size)
			continue;
		lookaside_add(domain, iova, block.oa + (iova - start), shift, block.prot & rights,
			      stamp);
		return;
	}
}

void lookaside_unmapped(const struct iommu_domain *domain, uint64_t iova, uint64_t len)
{
	const uint64_t size = BIT(LOOKASIDE_REGION_SHIFT), last = iova + (len - 1);
	uint64_t at = iova;

	change(domain_counter(domain));
	for (unsigned int i = 0; i < LOOKASIDE_REGIONS; i++, at += size) {
		change(lookaside_region(domain, at));
		if (last - (at & ~(size - 1)) < size)
			break;
	}
}

void lookaside_forget_all(void)
{
	for (size_t i = 0; i < LOOKASIDE_COUNTERS; i++)
		change(i);
}
