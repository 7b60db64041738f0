/* SPDX-License-Identifier: MIT */
/*
 * The invariants of map_internal.h, checked the slow way: a walk over all entries computes the
 * spans of the holes anew, without the functions that maintain them.
 */
#include <string.h>

#include "iova/map_internal.h"

struct walk {
	const char *broken; /* the first invariant that does not hold */
	const struct iova_map *map;
	size_t entries;
	uint64_t previous; /* last of the entry before; any if there is none */
};

struct seen_spans {
	uint64_t span[SPAN_KINDS];
};

static void expect(struct walk *walk, bool holds, const char *what)
{
	if (!holds && !walk->broken)
		walk->broken = what;
}

static void see_hole(struct seen_spans *spans, uint64_t begin, uint64_t end)
{
	for (unsigned int kind = 0; kind < SPAN_KINDS; kind++) {
		uint64_t align = kind ? UINT64_C(1) << (PAGE_SHIFT - 1 + kind) : 1;
		uint64_t start;

		if (!check_align_up(begin, align, &start) && start < end)
			spans->span[kind] = max_u64(spans->span[kind], end - start);
	}
}

static void walk_leaf(struct walk *walk, const struct iova_map_node *leaf, struct seen_spans *spans)
{
	expect(walk, leaf->rows == LEAF_ROWS && leaf->columns == LEAF_COLUMNS, "leaf's shape");
	for (unsigned int row = 0; row < leaf->count; row++) {
		uint64_t start = leaf_cells(leaf, LEAF_START)[row];
		uint64_t last = leaf_cells(leaf, LEAF_LAST)[row];

		expect(walk, start <= last, "range has no last");
		expect(walk, leaf_cells(leaf, LEAF_VALUE)[row] != 0, "entry has no value");
		if (walk->entries) {
			expect(walk, walk->previous < start, "entries not in order");
			see_hole(spans, walk->previous + 1, start);
		} else {
			expect(walk, walk->map->first == start, "first");
		}
		walk->previous = last;
		walk->entries++;
	}
}

static void walk_node(struct walk *walk, const struct iova_map_node *node, unsigned int level,
		      struct seen_spans *spans)
{
	expect(walk, node->count && node->count <= node->rows, "rows in use");
	if (walk->broken)
		return;
	for (unsigned int row = node->count; row < node->rows; row++)
		expect(walk, node->cells[row] == UINT64_MAX, "row not in use");
	if (!level) {
		walk_leaf(walk, node, spans);
		return;
	}
	expect(walk, node->rows == INNER_ROWS && node->columns == INNER_COLUMNS, "inner's shape");
	expect(walk, node->count > 1, "inner node with one child");
	for (unsigned int row = 0; row < node->count && !walk->broken; row++) {
		struct seen_spans below = {0};

		walk_node(walk, inner_child(node, row), level - 1, &below);
		expect(walk, inner_cells(node, INNER_LAST)[row] == walk->previous, "last");
		for (unsigned int kind = 0; kind < SPAN_KINDS; kind++) {
			expect(walk, inner_span(node, kind)[row] == below.span[kind], "span");
			spans->span[kind] = max_u64(spans->span[kind], below.span[kind]);
		}
	}
}

/* The map's path is what a search for its leaf's final entry finds. */
static void check_path(struct walk *walk, const struct iova_map *map)
{
	const struct iova_map_path *path = &map->path;
	struct iova_map_path found;

	if (!path->step[0].node)
		return;
	map_descend(map, node_last(path->step[0].node), &found);
	for (unsigned int level = 0; level < map->height; level++) {
		expect(walk, path->step[level].node == found.step[level].node, "path's node");
		expect(walk, !level || path->step[level].row == found.step[level].row,
		       "path's row");
		expect(walk, path->step[level].base == found.step[level].base, "path's base");
		for (unsigned int row = 0; level && row < path->step[level].node->count; row++)
			expect(walk,
			       row == path->step[level].row ||
				       inner_span(path->step[level].node, 0)[row] <=
					       path->step[level].others,
			       "path's bound");
	}
}

const char *iova_map_check(const struct iova_map *map)
{
	struct walk walk = {.map = map};
	struct seen_spans spans = {0};

	expect(&walk, !map->root == !map->height, "height of an empty map");
	expect(&walk, map->height <= HEIGHT_MAX, "height");
	if (map->root && !walk.broken)
		walk_node(&walk, map->root, map->height - 1, &spans);
	expect(&walk, walk.entries == map->count, "count");
	if (map->root && !walk.broken)
		check_path(&walk, map);
	return walk.broken;
}
