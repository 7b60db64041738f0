/* SPDX-License-Identifier: MIT */
/*
 * The mappings of a profile: what each of them was used for, and the call that made it. A mapping
 * that is gone is kept as a record; beyond MAPPINGS_KEPT only its call site keeps its sums.
 *
 * The owner (profile.c) serialises all calls.
 */
#ifndef PROFILE_PROFILE_MAPPING_H
#define PROFILE_PROFILE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iova/iova_map.h"
#include "iova/range.h"

enum profile_model {
	MODEL_ACTUAL,
	MODEL_CONTIGUOUS, /* pages as large as both alignments allow */
	MODEL_ALIGNED,	  /* pages as large as the IOVA's alignment allows */
	MODEL_BATCHED,	  /* invalidations that are collected */
	MODELS,
};

enum {
	MAPPINGS_KEPT = 65536,
	HEAT_SLOTS = 64, /* equal parts of a mapping whose accesses are counted */
};

/* Sums over mappings. */
struct usage {
	uint64_t lookups, bytes;
	uint64_t misses[MODELS], reads[MODELS];
	uint64_t invalidations, dropped;
	uint64_t touched; /* pages that were accessed */
};

/* A call that makes mappings. */
struct site {
	uint32_t stack; /* report/stack.h; 0: unknown */
	uint64_t mappings, mapped;
	struct usage usage; /* of those that are gone */
};

struct mapping {
	struct iova_range range;
	uint64_t address; /* of the program */
	uint64_t sizes;	  /* of pages that the IOMMU has, as bits */
	struct site *site;
	uint32_t table; /* the number of the page table */
	bool gone;
	struct usage usage;
	uint64_t **pages; /* bitmaps of touched pages, in parts; NULL when it is gone */
	uint32_t slots;	  /* of heat */
	uint32_t heat[];
};

struct mapping *mapping_create(uint32_t table, struct iova_range range, uint64_t address,
			       uint64_t sizes, uint32_t stack);

/* It is gone from the page table: adds it to the sums, and keeps it if there is space. */
void mapping_retire(struct mapping *mapping);

/* @lookups and @bytes of DMA to [@iova, @iova + @len), which is in the mapping. */
void mapping_touch(struct mapping *mapping, uint64_t iova, uint64_t len, uint64_t lookups);

void usage_add(struct usage *sum, const struct usage *usage);

/* Calls @visit for each mapping that is kept, and for each site. */
void mappings_visit(void (*visit)(const struct mapping *mapping, void *arg), void *arg);
void sites_visit(void (*visit)(const struct site *site, const struct usage *usage, void *arg),
		 void *arg);

/* Forgets mappings that are gone, and what the others were used for. */
void mappings_begin_again(void);

#endif
