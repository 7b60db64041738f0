/* SPDX-License-Identifier: MIT */
/*
 * What a thread has translated before: a cache of plain translations (without stage 1) that each
 * thread has for itself, so that a look-up is a few loads from its own memory.
 *
 * An entry names a block of IOVA: 2^n bytes, aligned to their size, contiguous and with the same
 * rights, in the table of one domain. It is valid as long as the counter that it was stamped with
 * has the value of the stamp.
 *
 * Why nothing stale is used: a stamp is taken before the table is read, and an unmap changes the
 * table before the counter, so an entry of what an unmap removed has an older stamp than the
 * counter; and a thread that still finds the old value inside the gate, which it entered before it
 * looked, is one that the unmap waits for. (The processor's stores reach all others at once, as
 * those of x86, Armv8 and RISC-V do.)
 *
 * There is a counter for the unmaps in some regions of 2 MiB of some domains, and one for all
 * unmaps of some domains, for larger blocks: by a hash, so that the counters live as long as the
 * process. Two that share a counter cost each other misses, no more. A counter says whether it was
 * taken as a stamp since it last changed; an unmap changes it only then.
 *
 * Locks: none. Entries belong to their thread.
 *
 * Cost: 33 KiB for a thread that translates. An unmap loads a counter, and another for each region
 * of 2 MiB that it touches.
 */
#ifndef IOMMU_LOOKASIDE_H
#define IOMMU_LOOKASIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/gate.h"
#include "iopt/iopt.h"

struct iommu_domain;

enum {
	LOOKASIDE_ENTRIES = 1024,
	LOOKASIDE_SHIFTS = 256,
	LOOKASIDE_REGION_SHIFT = 21,
	LOOKASIDE_REGIONS = 256, /* counters of regions; those of domains follow */
	LOOKASIDE_DOMAINS = 256,
	LOOKASIDE_COUNTERS = LOOKASIDE_REGIONS + LOOKASIDE_DOMAINS,
	LOOKASIDE_TAKEN = LOOKASIDE_COUNTERS, /* in a counter: as a stamp, since it changed */
};

struct lookaside_entry {
	const struct iommu_domain *domain; /* compared only: it may be gone */
	uint64_t start;			   /* of the block, and in the low bits its log2 of size */
	uint64_t offset; /* from there to what it leads to, and in the low bits its rights */
	uint64_t stamp;
};

struct lookaside {
	struct lookaside_entry entries[LOOKASIDE_ENTRIES];
	uint8_t shifts[LOOKASIDE_SHIFTS]; /* log2 of the size of the blocks in some regions */
};

/* The low bits are the number of the counter, and whether it was taken as a stamp. */
struct lookaside_counter {
	_Atomic uint64_t value;
} __attribute__((aligned(64)));

extern struct lookaside_counter lookaside_counters[LOOKASIDE_COUNTERS];

static inline size_t lookaside_index(const struct iommu_domain *domain, uint64_t block)
{
	return (block + ((uintptr_t)domain >> 7)) % LOOKASIDE_ENTRIES;
}

static inline unsigned int lookaside_shift(const struct lookaside_entry *entry)
{
	return (unsigned int)(entry->start & 63);
}

/* The thread's entry for @iova in @domain, or NULL. It may be invalid. */
static inline const struct lookaside_entry *lookaside_find(const struct iommu_domain *domain,
							   uint64_t iova)
{
	const struct gate_slot *slot = gate_self;
	const struct lookaside_entry *entry;
	const struct lookaside *cache;
	unsigned int shift;

	if (!slot || !slot->cache)
		return NULL;
	cache = slot->cache;
	shift = cache->shifts[(iova >> LOOKASIDE_REGION_SHIFT) % LOOKASIDE_SHIFTS];
	entry = &cache->entries[lookaside_index(domain, iova >> shift)];
	if (entry->domain != domain || (iova ^ entry->start) >> lookaside_shift(entry))
		return NULL;
	return entry;
}

/* Whether it is valid at the moment of the call. */
static inline bool lookaside_valid(const struct lookaside_entry *entry)
{
	return atomic_load_explicit(&lookaside_counters[entry->stamp % LOOKASIDE_COUNTERS].value,
				    memory_order_acquire) == entry->stamp;
}

/* Where @iova leads, which is in the block of @entry. */
static inline uint64_t lookaside_bus(const struct lookaside_entry *entry, uint64_t iova)
{
	return iova + (entry->offset & ~UINT64_C(0xfff));
}

/* How many bytes there are from @iova to the end of the block. */
static inline uint64_t lookaside_len(const struct lookaside_entry *entry, uint64_t iova)
{
	const uint64_t size = UINT64_C(1) << lookaside_shift(entry);

	return size - (iova & (size - 1));
}

static inline unsigned int lookaside_prot(const struct lookaside_entry *entry)
{
	return (unsigned int)entry->offset & (IOPT_READ | IOPT_WRITE);
}

/* Takes the value of a counter as a stamp, for what is read of the table afterwards. */
uint64_t lookaside_take(size_t counter);

static inline size_t lookaside_region(const struct iommu_domain *domain, uint64_t iova)
{
	return ((iova >> LOOKASIDE_REGION_SHIFT) + ((uintptr_t)domain >> 7) * 31) %
	       LOOKASIDE_REGIONS;
}

static inline uint64_t lookaside_stamp(const struct iommu_domain *domain, uint64_t iova)
{
	const size_t counter = lookaside_region(domain, iova);
	const uint64_t value =
		atomic_load_explicit(&lookaside_counters[counter].value, memory_order_acquire);

	return value & LOOKASIDE_TAKEN ? value : lookaside_take(counter);
}

/* Gives the calling thread a cache. NULL: there is no memory for it. */
struct lookaside *lookaside_create(void);

/*
 * Caches a block of 2^@shift bytes around @iova, which lies within one region, leads to @bus and
 * has the rights @prot. @stamp was taken before the table and the state of dirty tracking were
 * read. If there is no memory, nothing is cached.
 */
static inline void lookaside_add(const struct iommu_domain *domain, uint64_t iova, uint64_t bus,
				 unsigned int shift, unsigned int prot, uint64_t stamp)
{
	const uint64_t inside = (UINT64_C(1) << shift) - 1;
	const struct gate_slot *slot = gate_self;
	struct lookaside *cache = slot ? slot->cache : NULL;
	struct lookaside_entry *entry;

	if (__builtin_expect(!cache, 0)) {
		cache = lookaside_create();
		if (!cache)
			return;
	}
	cache->shifts[(iova >> LOOKASIDE_REGION_SHIFT) % LOOKASIDE_SHIFTS] = (uint8_t)shift;
	entry = &cache->entries[lookaside_index(domain, iova >> shift)];
	entry->domain = domain;
	entry->start = (iova & ~inside) | shift;
	entry->offset = (bus - iova) | prot;
	entry->stamp = stamp;
}

/* Caches the largest block around @iova that is contiguous in the table of @domain. */
void lookaside_add_block(const struct iommu_domain *domain, uint64_t iova);

/*
 * [@iova, @iova + @len) of @domain has been unmapped: its entries are invalid when this returns.
 * Context: a full fence separates the change of the table from the call.
 */
void lookaside_unmapped(const struct iommu_domain *domain, uint64_t iova, uint64_t len);

/* All entries are invalid when this returns. The same context. */
void lookaside_forget_all(void);

#endif
