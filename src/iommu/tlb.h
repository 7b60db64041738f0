/* SPDX-License-Identifier: MIT */
/*
 * The IOTLB of an endpoint: results of nested translation, until they are invalidated.
 *
 * Three caches with the same type of entry: pages (of both stages), tables (the lowest table of
 * stage 1, which the upper levels lead to) and contexts (the context descriptor or GCR3 entry of a
 * PASID).
 *
 * Invariants:
 * - a look-up does not find what was forgotten before it began;
 * - a store of something that was read before an invalidation is dropped: it names the
 *   tlb_generation() from before the read, and each tlb_forget() begins a new one.
 * An invalidation therefore forgets, and then waits for the DMA inside the gate.
 *
 * Locks: none. Look-ups and stores run on any number of threads; a store that finds its entry busy
 * is dropped. tlb_forget() waits while another thread writes an entry.
 *
 * Cost: a look-up reads one set of four entries; tlb_forget() reads all entries.
 */
#ifndef IOMMU_TLB_H
#define IOMMU_TLB_H

#include <stdatomic.h>

#include "iommu/nested_domain.h"
#include "iommu/stage1.h"

struct tlb;
struct translation;

/* The address space that an entry belongs to. @asid is 0 for formats without ASIDs. */
struct tlb_key {
	uint64_t domain; /* iommu_domain.id */
	uint32_t pasid;
	uint32_t asid;
};

/* The translation of one 4 KiB page. */
struct tlb_page {
	struct stage1_leaf leaf; /* .ipa is that of the page */
	uint64_t bus;		 /* of the page */
	unsigned int prot;	 /* stage 2; enum iopt_prot */
	unsigned int span;	 /* log2 of what is contiguous around it, in both stages */
	uint64_t unmaps; /* of the parent: bus, prot and span are valid at this count only */
};

/* An empty IOTLB, or NULL. The caller owns it. */
struct tlb *tlb_create(void);
void tlb_destroy(struct tlb *tlb);

/* To be called before anything is read that will be stored. */
uint64_t tlb_generation(const struct tlb *tlb);

/* What a struct tlb begins with. */
struct tlb_head {
	_Atomic uint64_t forgotten; /* how often something was, counted when it is gone */
};

/*
 * How often something was forgotten, without what is being forgotten: as long as it stays the same,
 * what was found before is still the answer of @tlb.
 */
static inline uint64_t tlb_forgotten(const struct tlb *tlb)
{
	const struct tlb_head *head = (const void *)tlb;

	return atomic_load_explicit(&head->forgotten, memory_order_acquire);
}

/*
 * The usual case in one step: the page is cached, no context was forgotten since it was stored, and
 * both stages give the rights. @unmaps is the parent's count now. Sets *@bus and *@len (struct
 * translation), also if it returns false in the end; then the look-ups below may still find the
 * page.
 */
bool tlb_hit(const struct tlb *tlb, const struct translation *t, uint64_t unmaps, uint64_t *bus,
	     uint64_t *len);

bool tlb_find_page(const struct tlb *tlb, const struct tlb_key *key, uint64_t iova,
		   struct tlb_page *page);
void tlb_store_page(struct tlb *tlb, uint64_t generation, const struct tlb_key *key, uint64_t iova,
		    const struct tlb_page *page);

/* The table that translates the 2 MiB around @iova, and perhaps more. Finding leaves its shift. */
bool tlb_find_table(const struct tlb *tlb, const struct tlb_key *key, uint64_t iova,
		    struct stage1_table *table);
void tlb_store_table(struct tlb *tlb, uint64_t generation, const struct tlb_key *key, uint64_t iova,
		     const struct stage1_table *table);

/* Finding ignores key->asid, and returns it in *@context. */
bool tlb_find_context(const struct tlb *tlb, const struct tlb_key *key,
		      struct stage1_context *context);
void tlb_store_context(struct tlb *tlb, uint64_t generation, const struct tlb_key *key,
		       const struct stage1_context *context);

/* In the child of a fork: empties the entries that other threads were writing. */
void tlb_after_fork(struct tlb *tlb);

/* Forgets what matches. @domain is the ID of match->domain; 0: any. */
void tlb_forget(struct tlb *tlb, const struct tlb_match *match, uint64_t domain);

#endif
