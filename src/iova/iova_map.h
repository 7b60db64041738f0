/* SPDX-License-Identifier: MIT */
/*
 * The map of used IOVA space: disjoint ranges, each with a value, and the free holes between them.
 *
 * A B+ tree whose leaves hold the ranges and whose inner nodes also hold, for each child, the
 * largest hole below it, so that both a look-up and the search for the lowest hole that fits
 * descend and never scan: O(log n) at any size, few cache lines per level. Not locked.
 */
#ifndef IOVA_IOVA_MAP_H
#define IOVA_IOVA_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iova/range.h"

struct iova_map_node;

enum {
	IOVA_MAP_HEIGHT_MAX = 13
};

/* A level of the path from the root to an entry: what is together is used together. */
struct iova_map_step {
	struct iova_map_node *node;
	uint64_t base;
	/* What no hole below another row of an inner node exceeds; UINT64_MAX: not known. */
	uint64_t others;
	unsigned int row;
};

struct iova_map_path {
	struct iova_map_step step[IOVA_MAP_HEIGHT_MAX]; /* the leaf's is 0 */
};

struct iova_map {
	struct iova_map_node *root; /* NULL: empty */
	uint64_t first;		    /* start of the lowest range; not empty */
	unsigned int height;	    /* levels, the leaves' included; 0: empty */
	size_t count;		    /* ranges */
	uint64_t latest;	    /* start of the one that was inserted last beside others */
	struct iova_map_path path;  /* of the latest seek or change; without a leaf: none */
};

struct iova_map_entry {
	struct iova_range range;
	void *value;
};

void iova_map_init(struct iova_map *map);

/* Frees the map's own memory; values are the owner's. */
void iova_map_destroy(struct iova_map *map);

/*
 * Adds @range with @value (not NULL). 0; -EEXIST if it intersects one that is there; -ENOMEM.
 * Unchanged on failure.
 */
int iova_map_insert(struct iova_map *map, struct iova_range range, void *value);

/*
 * Removes the range that starts at exactly @start and returns its value; NULL if there is none.
 * Needs no memory.
 */
void *iova_map_erase(struct iova_map *map, uint64_t start);

/* Like iova_map_lower(), for a caller that may remove the entry, by iova_map_erase_found(). */
bool iova_map_seek(struct iova_map *map, uint64_t iova, struct iova_map_entry *entry);

/*
 * Removes the entry that iova_map_seek() has found; the map has not changed since. Needs no memory.
 */
void iova_map_erase_found(struct iova_map *map);

/*
 * Cuts the entry that starts at exactly @start after @last, which lies inside it and is not its
 * end: the entry gets the value @head and ends at @last, the rest becomes an entry with the value
 * @rest (neither is NULL). iova_map_split() cannot fail: iova_map_prepare_split() of the same
 * @start came before (0 or -ENOMEM), and the map has not changed since.
 */
int iova_map_prepare_split(struct iova_map *map, uint64_t start);
void iova_map_split(struct iova_map *map, uint64_t start, uint64_t last, void *head, void *rest);

/*
 * The lowest entry whose last is at least @iova: the entry that holds @iova, or else the next one
 * above. False: there is none.
 */
bool iova_map_lower(const struct iova_map *map, uint64_t iova, struct iova_map_entry *entry);

/* The value of the entry that holds @iova, or NULL. */
void *iova_map_find(const struct iova_map *map, uint64_t iova);

/* Whether @map is not empty, and all of its entries lie inside @range. */
bool iova_map_is_within(const struct iova_map *map, struct iova_range range);

bool iova_map_intersects(const struct iova_map *map, struct iova_range range);

/*
 * Starts to fetch what an insert at @iova will touch, for callers that have something else to do or
 * to fetch before. Does nothing where that is likely to be in the cache: in a small map, and near
 * the latest insert.
 */
void iova_map_prefetch(const struct iova_map *map, uint64_t iova);

/*
 * Calls @visit for each entry that intersects @range, ascending, until it returns non-zero; returns
 * that, or 0.
 * @visit must not change the map.
 */
int iova_map_for_each(const struct iova_map *map, struct iova_range range,
		      int (*visit)(const struct iova_map_entry *entry, void *arg), void *arg);

/* What a hole must offer: see iova_fit(). */
struct iova_fit {
	uint64_t len;	 /* bytes, not 0 */
	uint64_t align;	 /* a power of two, at most 2 MiB */
	uint64_t offset; /* below PAGE_SIZE; ORed into the aligned start */
};

/*
 * Where @fit would be in the hole [@start, @last]: c = (start rounded up to align) | offset, if the
 * rounding does not wrap, c < last, and last - c >= len - 1. So a c at the very end never fits, as
 * in the kernel [IOAS-AUTO].
 */
bool iova_fit(const struct iova_fit *fit, uint64_t start, uint64_t last, uint64_t *c);

/*
 * The lowest place for @fit in @window: the maximal holes between the entries, clipped to the
 * window, are tried in ascending order. 0 with *@iova, or -ENOSPC.
 */
int iova_map_find_hole(const struct iova_map *map, struct iova_range window,
		       const struct iova_fit *fit, uint64_t *iova);

/* Bytes of memory that the map itself uses. Counts nodes: O(n / 1000). */
size_t iova_map_memory(const struct iova_map *map);

#endif
