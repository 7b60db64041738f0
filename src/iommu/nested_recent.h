/* SPDX-License-Identifier: MIT */
/*
 * The nested translations that a thread has found lately, beside its lookaside cache
 * (iommu/lookaside.h): what the IOTLB answered, with nothing left to look at but two counters.
 *
 * An entry names where a page leads for one endpoint (by its IOTLB) and one nested domain. It is
 * valid as long as two counters have the values that it was stamped with: how often anything was
 * forgotten by the IOTLB, and one of the parent, which changes with each unmap.
 *
 * Why nothing stale is used: the stamp is taken before the IOTLB is asked, and each counter changes
 * after what it stands for (the entries of the IOTLB are gone, the table and the count of unmaps
 * have changed) and before the wait for the DMA in flight; so a thread that finds both unchanged
 * inside the gate got its answer when it was a good one, and is one that the wait is for.
 * Everything else that ends the life of an entry changes the counters of all parents: the end of a
 * domain or of an IOTLB, whose addresses others may have then, and a change of dirty tracking.
 *
 * A counter of parents says whether it was taken as a stamp since it last changed; only then an
 * unmap changes it. It is shared by domains, by a hash, and lives as long as the process.
 *
 * Locks: none. Entries belong to their thread.
 *
 * Cost: 56 KiB for each thread that translates behind a nested domain. An invalidation of an IOTLB
 * costs all its entries here; they are made again by hits of the IOTLB.
 */
#ifndef IOMMU_NESTED_RECENT_H
#define IOMMU_NESTED_RECENT_H

#include "base/check.h"
#include "iommu/lookaside.h"
#include "iommu/tlb.h"

enum {
	RECENT_ENTRIES = 1024,
	RECENT_COUNTERS = 64,
	RECENT_TAKEN = 1, /* in a counter: as a stamp, since it changed */
	RECENT_TLB_SHIFT = 12,
};

struct recent_stamp {
	uint64_t changes;   /* recent_counter() */
	uint64_t forgotten; /* tlb_forgotten() */
};

struct recent_entry {
	uint64_t domain; /* its address, LOOKASIDE_USED, and the rights that were needed so far */
	const struct tlb *tlb;
	uint64_t page; /* IOVA, and in the low bits log2 of the aligned block that is contiguous */
	uint64_t bus;  /* of the page */
	const struct iommu_domain *memory; /* the key of the gate */
	struct recent_stamp stamp;
};

struct nested_recent {
	struct recent_entry entries[RECENT_ENTRIES];
};

extern _Atomic uint64_t recent_counters[RECENT_COUNTERS];

static inline _Atomic uint64_t *recent_counter(const struct iommu_domain *memory)
{
	return &recent_counters[lookaside_hash(memory) % RECENT_COUNTERS];
}

static inline size_t recent_index(const struct iommu_domain *domain, const struct tlb *tlb,
				  uint64_t iova)
{
	return ((iova >> PAGE_SHIFT) + lookaside_hash(domain) +
		((uintptr_t)tlb >> RECENT_TLB_SHIFT)) %
	       RECENT_ENTRIES;
}

/*
 * The entry of the calling thread for @iova in @domain (may be NULL; need not live any more) by
 * @tlb (may be NULL), and for the rights @need. NULL: there is none. It may not be valid.
 */
static LOOKASIDE_INLINE const struct recent_entry *recent_find(const struct iommu_domain *domain,
							       const struct tlb *tlb, uint64_t iova,
							       unsigned int need)
{
	const struct lookaside *cache = gate_cache;
	const uint64_t wanted = (uintptr_t)domain + LOOKASIDE_USED + need;
	const struct recent_entry *entry;
	uint64_t differs;

	if (!cache || !cache->recent)
		return NULL;
	entry = &cache->recent->entries[recent_index(domain, tlb, iova)];
	/* One branch for all. */
	differs = ((entry->domain ^ wanted) & (~(uint64_t)LOOKASIDE_RIGHTS | need)) |
		  ((uintptr_t)entry->tlb ^ (uintptr_t)tlb) | ((entry->page ^ iova) >> PAGE_SHIFT);
	return __builtin_expect(differs != 0, 0) ? NULL : entry;
}

/* Whether @entry is valid: until the calling thread leaves the gate of entry->memory, if inside. */
static LOOKASIDE_INLINE bool recent_stands(const struct recent_entry *entry)
{
	const uint64_t changes =
		atomic_load_explicit(recent_counter(entry->memory), memory_order_acquire);

	return __builtin_expect(!((changes ^ entry->stamp.changes) |
				  (tlb_forgotten(entry->tlb) ^ entry->stamp.forgotten)),
				1);
}

/* Where @entry leads for @iova, and how many bytes are contiguous there. */
static LOOKASIDE_INLINE void recent_read(const struct recent_entry *entry, uint64_t iova,
					 uint64_t *bus, uint64_t *len)
{
	const uint64_t reach = UINT64_C(1) << (entry->page % 64);

	*bus = entry->bus + (iova & PAGE_MASK);
	*len = reach - (iova & (reach - 1));
}

/* A stamp for what @tlb is asked afterwards, about a domain whose parent is @memory. */
struct recent_stamp recent_stamp_of(const struct tlb *tlb, const struct iommu_domain *memory);

/*
 * Remembers that @tlb has just led t->iova to @bus, where @len bytes are contiguous, up to the end
 * of an aligned block. If there is no memory, nothing is remembered.
 */
void recent_add(const struct translation *t, const struct tlb *tlb,
		const struct recent_stamp *stamp, uint64_t bus, uint64_t len);

/*
 * The table of @memory lost something: entries of domains behind it are invalid when this returns.
 * Context: a full fence separates that from the call.
 */
void recent_unmapped(const struct iommu_domain *memory);

/* All entries are invalid when this returns. The same context. */
void recent_forget_all(void);

#endif
