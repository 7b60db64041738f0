/* SPDX-License-Identifier: MIT */
/*
 * A model of the caches of an IOMMU: the IOTLB, which has translations, and the walk cache, which
 * has entries of page tables that lead to other tables. Both are set-associative and replace what
 * was used least recently. An entry of the IOTLB covers one page, of any size.
 *
 * The owner serialises all calls. Cost: a look-up reads the ways of one set; an invalidation reads
 * all entries.
 */
#ifndef PROFILE_TLB_MODEL_H
#define PROFILE_TLB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iova/range.h"

enum {
	TLB_PAGE_SHIFT = 12, /* of the smallest page */
	TLB_LEVEL_SHIFT = 9, /* a table has 512 entries */
	TLB_ENTRIES_MAX = 65536,
};

/* @ways divides @entries. */
struct tlb_geometry {
	uint32_t entries, ways;
};

struct tlb_counts {
	uint64_t lookups, misses;
	uint64_t walk_reads;	/* entries of page tables that were read from memory */
	uint64_t invalidations; /* commands */
	uint64_t dropped;	/* entries that they removed from the IOTLB */
};

struct tlb_entry;

struct tlb_model {
	struct tlb_geometry iotlb, walks;
	struct tlb_entry *pages, *tables; /* arrays of these many */
	uint64_t clock;
	struct tlb_counts counts;
};

/* What is translated: a page of @size bytes at @page, in the tables of @domain. */
struct tlb_access {
	const void *domain; /* only its address is of use */
	uint64_t page, size;
	unsigned int top;    /* the level of the root table; 0 has the smallest pages */
	unsigned int stage2; /* levels of a second stage that each read goes through; 0: none */
};

/* 0 or -ENOMEM. */
int tlb_model_init(struct tlb_model *model, struct tlb_geometry iotlb, struct tlb_geometry walks);
void tlb_model_destroy(struct tlb_model *model);

/*
 * Looks the page of *@access up @times in a row, and adds what happened to model->counts. Returns
 * how many entries were read: 0 is a hit.
 */
uint64_t tlb_model_access(struct tlb_model *model, const struct tlb_access *access, uint64_t times);

/* A command that removes what the caches have of @range; returns how many pages that were. */
uint64_t tlb_model_invalidate(struct tlb_model *model, const void *domain, struct iova_range range);

/* The level of the table that has pages of @size. */
unsigned int tlb_level(uint64_t size);

/*
 * The largest of @sizes (bits) whose page at @iova lies within @range, and if @congruent also leads
 * to an address that is a multiple of its size, where range->start leads to @address. 0: none.
 */
uint64_t tlb_largest_page(uint64_t sizes, uint64_t iova, struct iova_range range, uint64_t address,
			  bool congruent);

#endif
