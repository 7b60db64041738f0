/* SPDX-License-Identifier: MIT */
/*
 * The nodes of the IOVA map's tree, and what its parts (map.c, map_node.c, map_hole.c,
 * map_balance.c) offer each other.
 *
 * A node is a table of 64-bit cells, stored by columns, so that a search reads one dense array.
 * Rows are in ascending order. A leaf's row is an entry; an inner node's row is a child. The first
 * column of both is the last address of the entry, or of the final entry below the child: the first
 * row whose last is at least x leads to the first entry whose last is at least x. In rows not in
 * use the last is UINT64_MAX, so that a search need not know the count.
 *
 * The hole before an entry belongs to that entry, and so to every node above it, wherever the entry
 * before it is. It begins where the row above ends, or, in a node's first row, at the node's
 * *base*: one past the last of whatever precedes the node. The tree's own base is map->first, so
 * the hole before the first entry is empty. The holes before the first and after the final entry
 * are not the tree's: a search looks at these two by itself. Thus every hole of the tree is [begin,
 * end) with an end that is an address, and neither ascending nor descending inserts change any
 * maximum.
 *
 * The *span* of a hole for an alignment is what remains of it from its first aligned address to its
 * end. For each child an inner node keeps the largest span of the holes below it, for each
 * alignment that a search may ask for.
 */
#ifndef IOVA_MAP_INTERNAL_H
#define IOVA_MAP_INTERNAL_H

#include "base/check.h"
#include "iova/iova_map.h"

/* Kinds of spans: unaligned, then each power of two from a page to 2 MiB. */
#define SPAN_ALIGN_MIN_SHIFT PAGE_SHIFT
#define SPAN_ALIGN_MAX_SHIFT 21u
#define SPAN_KINDS	     (SPAN_ALIGN_MAX_SHIFT - SPAN_ALIGN_MIN_SHIFT + 2)

enum leaf_column {
	LEAF_LAST,
	LEAF_START,
	LEAF_VALUE,
	LEAF_COLUMNS
};

enum inner_column {
	INNER_LAST,
	INNER_CHILD,
	INNER_SPAN, /* SPAN_KINDS columns; each at most the one before it */
	INNER_COLUMNS = INNER_SPAN + SPAN_KINDS,
};

/*
 * Rows. A leaf is about the cache lines that a processor fetches at once; an inner node is wide,
 * because its level is one cache miss whatever its size. The minimum is where erasing refills a
 * node; only the outermost nodes, which ascending and descending inserts fill, may be below it.
 */
#define LEAF_ROWS      32u
#define LEAF_ROWS_MIN  10u
#define INNER_ROWS     64u
#define INNER_ROWS_MIN 21u

/* Both numbers of rows are multiples of this. */
#define CELLS_PER_LINE 8u

/* More than memory can hold: 10 * 21^12 entries (the few nodes below the minimum are outermost). */
#define HEIGHT_MAX IOVA_MAP_HEIGHT_MAX

struct iova_map_node {
	uint16_t count; /* rows in use */
	uint16_t rows;
	uint16_t columns;
	uint64_t cells[] __attribute__((aligned(64))); /* each column begins a cache line */
};

static inline uint64_t *leaf_cells(const struct iova_map_node *leaf, enum leaf_column column)
{
	return (uint64_t *)leaf->cells + column * LEAF_ROWS;
}

static inline uint64_t *inner_cells(const struct iova_map_node *inner, enum inner_column column)
{
	return (uint64_t *)inner->cells + column * INNER_ROWS;
}

static inline struct iova_map_node *inner_child(const struct iova_map_node *inner, unsigned int row)
{
	return (struct iova_map_node *)(uintptr_t)inner_cells(inner, INNER_CHILD)[row];
}

static inline uint64_t *inner_span(const struct iova_map_node *inner, unsigned int kind)
{
	return inner_cells(inner, INNER_SPAN) + kind * INNER_ROWS;
}

/* The last address of the final row. */
static inline uint64_t node_last(const struct iova_map_node *node)
{
	return node->cells[node->count - 1];
}

/* The address at which the hole before row @row of the path's node at @level begins. */
static inline uint64_t path_base(const struct iova_map_path *path, unsigned int level,
				 unsigned int row)
{
	return row ? path->step[level].node->cells[row - 1] + 1 : path->step[level].base;
}

/*
 * The first of @rows ascending cells that is at least @iova; @rows if there is none. One cell of
 * each cache line, then that line: no branch to mispredict, and only one load waits for another.
 */
static inline unsigned int lower_cell(const uint64_t *cells, uint64_t iova, unsigned int rows)
{
	unsigned int line = 0, row = 0;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < rows / CELLS_PER_LINE - 1; i++)
		line += cells[(i + 1) * CELLS_PER_LINE - 1] < iova;
	cells += line * CELLS_PER_LINE;
#pragma GCC unroll 8
	for (unsigned int i = 0; i < CELLS_PER_LINE; i++)
		row += cells[i] < iova;
	return line * CELLS_PER_LINE + row;
}

/* The first row whose last is at least @iova; the count if there is none. */
static inline unsigned int leaf_lower(const struct iova_map_node *leaf, uint64_t iova)
{
	return lower_cell(leaf->cells, iova, LEAF_ROWS);
}

static inline unsigned int inner_lower(const struct iova_map_node *inner, uint64_t iova)
{
	return lower_cell(inner->cells, iova, INNER_ROWS);
}

/*
 * Starts to fetch the head of @leaf and all columns but the first, which a search asks for at once
 * by itself: else their cache misses would begin only when that of the first has ended.
 */
static inline void leaf_prefetch(const struct iova_map_node *leaf)
{
	const uint64_t *cells = leaf_cells(leaf, LEAF_START);

	__builtin_prefetch(leaf);
#pragma GCC unroll 8
	for (unsigned int i = 0; i < (LEAF_COLUMNS - 1) * LEAF_ROWS; i += CELLS_PER_LINE)
		__builtin_prefetch(&cells[i]);
}

/* Starts to fetch the first column, for a search that comes later. */
static inline void leaf_prefetch_lasts(const struct iova_map_node *leaf)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < LEAF_ROWS; i += CELLS_PER_LINE)
		__builtin_prefetch(&leaf_cells(leaf, LEAF_LAST)[i]);
}

/*
 * Starts to fetch the children's addresses, one of which is needed when the search in @inner is
 * over.
 */
static inline void inner_prefetch(const struct iova_map_node *inner)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < INNER_ROWS; i += CELLS_PER_LINE)
		__builtin_prefetch(&inner_cells(inner, INNER_CHILD)[i]);
}

/* map_node.c: nodes as tables. */

/* An empty node for @level; NULL without memory. */
struct iova_map_node *node_create(unsigned int level);
void node_free(struct iova_map_node *node);
size_t node_size(const struct iova_map_node *node);

/* Opens an unset row at @row, or closes row @row. */
void node_open(struct iova_map_node *node, unsigned int row);
void node_close(struct iova_map_node *node, unsigned int row);

/* Moves rows between neighbours until the left one has @left_count. */
void node_share(struct iova_map_node *left, struct iova_map_node *right, unsigned int left_count);

/*
 * The path to the entry that iova_map_lower() finds. If there is none: to the row after the final
 * one, by the final row of each inner node. The map is not empty.
 */
void map_descend(const struct iova_map *map, uint64_t iova, struct iova_map_path *path);

/* map_hole.c: the spans that inner nodes keep. */

/* A hole [@begin, @end) appeared, or one of the row that @path leads to grew to it. */
void map_hole_grew(const struct iova_map *map, const struct iova_map_path *path, uint64_t begin,
		   uint64_t end);

/*
 * The hole [@begin, @end) of the leaf that @path leads to is gone, or has become smaller ones. The
 * leaf has changed already; no inner node has.
 */
void map_hole_shrank(const struct iova_map *map, struct iova_map_path *path, uint64_t begin,
		     uint64_t end);

/* Sets the last and the spans of @row in the path's node at @level, from its child. */
void map_refresh_row(const struct iova_map_path *path, unsigned int level, unsigned int row);

/* map_balance.c: nodes that are too full or too empty. */

/*
 * Frees a row in the full leaf of @path, which still leads to the same place afterwards. 0, or
 * -ENOMEM with nothing changed.
 */
int map_make_row(struct iova_map *map, struct iova_map_path *path, uint64_t iova);

/*
 * Gives the leaf of @path, which is down to the minimum, more rows if it has neighbours. The path
 * is stale afterwards.
 */
void map_refill(struct iova_map *map, struct iova_map_path *path);

/* For tests: the first invariant that does not hold, or NULL. O(n). */
const char *iova_map_check(const struct iova_map *map);

#endif
