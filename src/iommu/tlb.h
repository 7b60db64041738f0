/* SPDX-License-Identifier: MIT */
/*
 * The IOTLB of an endpoint: what nested translation has found, until it is invalidated.
 *
 * Three caches, all of the same kind of entry: pages (both stages), tables (the address of the
 * lowest stage-1 table: what upper levels lead to) and contexts (of a PASID: its context descriptor
 * or GCR3 entry). DMA threads look up and store without a lock; a store that finds an entry busy is
 * dropped. A store is of what was read since some tlb_generation(), and is dropped if anything has
 * been forgotten since then: it might be what was to be forgotten.
 *
 * What is found was not forgotten before the look-up. Whoever forgets waits for the gate after
 * that.
 */
#ifndef IOMMU_TLB_H
#define IOMMU_TLB_H

#include "iommu/nested_domain.h"
#include "iommu/stage1.h"

struct tlb;

/* Whose translation. @asid is 0 where a format has none. */
struct tlb_key {
	uint64_t domain; /* iommu_domain.id */
	uint32_t pasid;
	uint32_t asid;
};

/* What is known of one 4 KiB page. */
struct tlb_page {
	struct stage1_leaf leaf; /* .ipa is the page's */
	uint64_t bus;		 /* the page's */
	unsigned int prot;	 /* stage 2; enum iopt_prot */
	unsigned int span;	 /* log2 of what is contiguous around it, in both stages */
	uint64_t unmaps;	 /* of the parent: bus, prot and span hold for this count only */
};

/* What DMA asks for. */
struct tlb_request {
	uint64_t domain;
	uint32_t pasid;
	unsigned int need; /* enum iopt_prot */
	uint64_t iova;
	uint64_t unmaps; /* of the parent, now */
};

/* An empty one, or NULL. */
struct tlb *tlb_create(void);
void tlb_destroy(struct tlb *tlb);

/* To be read before what is going to be stored. */
uint64_t tlb_generation(const struct tlb *tlb);

/*
 * The usual case, all at once: the page is known, its context has not been forgotten since it was
 * stored, and both stages give the rights. *@bus and *@len as nested_translate(); they may be
 * overwritten where it is false: then the look-ups below may still find all.
 */
bool tlb_hit(const struct tlb *tlb, const struct tlb_request *request, uint64_t *bus,
	     uint64_t *len);

bool tlb_find_page(const struct tlb *tlb, const struct tlb_key *key, uint64_t iova,
		   struct tlb_page *page);
void tlb_store_page(struct tlb *tlb, uint64_t generation, const struct tlb_key *key, uint64_t iova,
		    const struct tlb_page *page);

/* Of the 2 MiB around @iova. */
bool tlb_find_table(const struct tlb *tlb, const struct tlb_key *key, uint64_t iova,
		    struct stage1_table *table);
void tlb_store_table(struct tlb *tlb, uint64_t generation, const struct tlb_key *key, uint64_t iova,
		     const struct stage1_table *table);

/* key->asid is not looked at when finding; it is found in *@context. */
bool tlb_find_context(const struct tlb *tlb, const struct tlb_key *key,
		      struct stage1_context *context);
void tlb_store_context(struct tlb *tlb, uint64_t generation, const struct tlb_key *key,
		       const struct stage1_context *context);

/* In the child of a fork: entries that other threads were writing are empty. */
void tlb_after_fork(struct tlb *tlb);

/* Forgets what matches; @domain is the id of match->domain, 0: any. */
void tlb_forget(struct tlb *tlb, const struct tlb_match *match, uint64_t domain);

#endif
