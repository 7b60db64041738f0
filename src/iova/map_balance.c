/* SPDX-License-Identifier: MIT */
/*
 * Full and nearly empty nodes of the IOVA map.
 *
 * A full leaf shares with a neighbour that has a quarter of its rows free, or else is split: leaves
 * are some 80 percent full under random inserts. For an insert at an end of the whole map the split
 * moves only one row, because more inserts are expected at the same end: ascending and descending
 * inserts fill nodes to the last row.
 *
 * Moves between neighbours change neither the holes nor, above their parent, any span.
 */
#include <assert.h>
#include <errno.h>

#include "iova/map_internal.h"

/* The nodes that a split or growth of the tree needs, allocated before the first change. */
struct spare_nodes {
	struct iova_map_node *node[HEIGHT_MAX]; /* by level */
};

enum edge {
	EDGE_NONE,
	EDGE_LOW,
	EDGE_HIGH
};

static enum edge edge_of(const struct iova_map *map, uint64_t iova)
{
	if (iova < map->first)
		return EDGE_LOW;
	return iova > node_last(map->root) ? EDGE_HIGH : EDGE_NONE;
}

/* How many levels, from the leaf up, have a full node on @path. */
static unsigned int count_full(const struct iova_map *map, const struct iova_map_path *path)
{
	unsigned int level = 0;

	while (level < map->height && path->step[level].node->count == path->step[level].node->rows)
		level++;
	return level;
}

/*
 * A node for each of the lowest @full levels, and one more for a new root if these are all levels.
 */
static int reserve(const struct iova_map *map, unsigned int full, struct spare_nodes *spare)
{
	unsigned int count = full == map->height ? full + 1 : full;

	assert(count <= HEIGHT_MAX);
	for (unsigned int level = 0; level < count; level++) {
		spare->node[level] = node_create(level);
		if (!spare->node[level]) {
			while (level--)
				node_free(spare->node[level]);
			return -ENOMEM;
		}
	}
	return 0;
}

static void set_child(struct iova_map_node *inner, unsigned int row, struct iova_map_node *child)
{
	inner_cells(inner, INNER_CHILD)[row] = (uintptr_t)child;
}

/* Puts @root above the root. */
static void raise_root(struct iova_map *map, struct iova_map_path *path, struct iova_map_node *root)
{
	unsigned int level = map->height++;

	root->count = 1;
	set_child(root, 0, map->root);
	map->root = root;
	path->step[level].node = root;
	path->step[level].row = 0;
	path->step[level].base = map->first;
	path->step[level].others = UINT64_MAX;
	map_refresh_row(path, level, 0);
}

/*
 * How many of the full node's rows remain in the left half. No inner node is left with one child.
 */
static unsigned int split_row(const struct iova_map_node *node, unsigned int level, enum edge edge)
{
	unsigned int fewest = level ? 2 : 1;

	if (edge == EDGE_LOW)
		return fewest;
	return edge == EDGE_HIGH ? node->count - fewest : node->count / 2;
}

/* Moves the upper rows of the path's node at @level to @right; the parent has a free row. */
static void split(struct iova_map_path *path, unsigned int level, enum edge edge,
		  struct iova_map_node *right)
{
	struct iova_map_node *left = path->step[level].node;
	struct iova_map_node *parent = path->step[level + 1].node;
	unsigned int row = path->step[level + 1].row;
	unsigned int kept = split_row(left, level, edge);

	node_share(left, right, kept);
	node_open(parent, row + 1);
	set_child(parent, row + 1, right);
	path->step[level + 1].others = UINT64_MAX;
	map_refresh_row(path, level + 1, row);
	map_refresh_row(path, level + 1, row + 1);

	if (path->step[level].row >= kept) {
		path->step[level].node = right;
		path->step[level].row -= kept;
		path->step[level + 1].row++;
		path->step[level].base = path_base(path, level + 1, row + 1);
	}
}

/* Evens out child @row and the one after it of the path's node at @level. */
static void even_out(const struct iova_map_path *path, unsigned int level, unsigned int row)
{
	struct iova_map_node *left = inner_child(path->step[level].node, row);
	struct iova_map_node *right = inner_child(path->step[level].node, row + 1);

	node_share(left, right, (left->count + right->count) / 2u);
	map_refresh_row(path, level, row);
	map_refresh_row(path, level, row + 1);
}

static bool has_plenty(const struct iova_map_node *parent, unsigned int row)
{
	return inner_child(parent, row)->count <= LEAF_ROWS - LEAF_ROWS / 4;
}

static bool share_with_neighbour(const struct iova_map_path *path)
{
	struct iova_map_node *parent = path->step[1].node;
	unsigned int row = path->step[1].row;

	if (row > 0 && has_plenty(parent, row - 1))
		even_out(path, 1, row - 1);
	else if (row + 1 < parent->count && has_plenty(parent, row + 1))
		even_out(path, 1, row);
	else
		return false;
	return true;
}

int map_make_row(struct iova_map *map, struct iova_map_path *path, uint64_t iova)
{
	enum edge edge = edge_of(map, iova);
	struct spare_nodes spare;
	unsigned int full;

	if (edge == EDGE_NONE && map->height > 1 && share_with_neighbour(path)) {
		map_descend(map, iova, path);
		return 0;
	}
	full = count_full(map, path);
	if (reserve(map, full, &spare))
		return -ENOMEM;
	if (full == map->height)
		raise_root(map, path, spare.node[full]);
	/* From the top, so that each parent has a free row. */
	for (unsigned int level = full; level-- > 0;)
		split(path, level, edge, spare.node[level]);
	return 0;
}

/* Merges child @row + 1 of the path's node at @level into child @row. */
static void merge(const struct iova_map_path *path, unsigned int level, unsigned int row)
{
	struct iova_map_node *left = inner_child(path->step[level].node, row);
	struct iova_map_node *right = inner_child(path->step[level].node, row + 1);

	node_share(left, right, left->count + right->count);
	node_free(right);
	node_close(path->step[level].node, row + 1);
	map_refresh_row(path, level, row);
}

/*
 * Merges the path's node at @level with a neighbour if the result is at most three quarters full,
 * so that the next inserts do not split it again; else evens them out. True if that took a row from
 * the parent.
 */
static bool refill(const struct iova_map_path *path, unsigned int level)
{
	unsigned int parent = level + 1;
	unsigned int row = path->step[parent].row ? path->step[parent].row - 1 : 0;
	const struct iova_map_node *left = inner_child(path->step[parent].node, row);
	const struct iova_map_node *right = inner_child(path->step[parent].node, row + 1);

	if (left->count + right->count <= left->rows - left->rows / 4) {
		merge(path, parent, row);
		return true;
	}
	even_out(path, parent, row);
	return false;
}

void map_refill(struct iova_map *map, struct iova_map_path *path)
{
	unsigned int level = 0;

	if (map->height == 1)
		return;
	while (refill(path, level)) {
		level++;
		if (level + 1 == map->height || path->step[level].node->count >= INNER_ROWS_MIN)
			break;
	}
	while (map->height > 1 && map->root->count == 1) {
		struct iova_map_node *root = map->root;

		map->root = inner_child(root, 0);
		map->height--;
		node_free(root);
	}
}
