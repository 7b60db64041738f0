/* SPDX-License-Identifier: MIT */
/*
 * The map of used IOVA space: look-up, insert, erase, split. How the tree is laid out:
 * map_internal.h.
 *
 * Every operation walks one path of the tree; with a million entries two of its levels are likely
 * to miss the cache. An erase of a leaf's final entry walks a second path, to the entry whose hole
 * grows.
 */
#include "iova/iova_map.h"

#include <assert.h>
#include <errno.h>

#include "iova/map_internal.h"

void iova_map_init(struct iova_map *map)
{
	map->root = NULL;
	map->first = 0;
	map->height = 0;
	map->count = 0;
	map->latest = 0;
	map->path.step[0].node = NULL; /* the rest of it is not read then */
}

static void free_nodes(struct iova_map_node *node, unsigned int level)
{
	if (level) {
		for (unsigned int row = 0; row < node->count; row++)
			free_nodes(inner_child(node, row), level - 1);
	}
	node_free(node);
}

void iova_map_destroy(struct iova_map *map)
{
	if (map->root)
		free_nodes(map->root, map->height - 1);
	iova_map_init(map);
}

static struct iova_range leaf_range(const struct iova_map_node *leaf, unsigned int row)
{
	return (struct iova_range){leaf_cells(leaf, LEAF_START)[row],
				   leaf_cells(leaf, LEAF_LAST)[row]};
}

static void *leaf_value(const struct iova_map_node *leaf, unsigned int row)
{
	return (void *)(uintptr_t)leaf_cells(leaf, LEAF_VALUE)[row];
}

static struct iova_map_entry leaf_entry(const struct iova_map_node *leaf, unsigned int row)
{
	return (struct iova_map_entry){leaf_range(leaf, row), leaf_value(leaf, row)};
}

bool iova_map_lower(const struct iova_map *map, uint64_t iova, struct iova_map_entry *entry)
{
	const struct iova_map_node *node = map->root;
	unsigned int row;

	if (!node || iova > node_last(node))
		return false;
	for (unsigned int level = map->height - 1; level; level--)
		node = inner_child(node, inner_lower(node, iova));
	leaf_prefetch(node);
	row = leaf_lower(node, iova);
	*entry = leaf_entry(node, row);
	return true;
}

void *iova_map_find(const struct iova_map *map, uint64_t iova)
{
	struct iova_map_entry entry;

	if (!iova_map_lower(map, iova, &entry) || entry.range.start > iova)
		return NULL;
	return entry.value;
}

bool iova_map_is_within(const struct iova_map *map, struct iova_range range)
{
	return map->root && range.start <= map->first && node_last(map->root) <= range.last;
}

bool iova_map_intersects(const struct iova_map *map, struct iova_range range)
{
	struct iova_map_entry entry;

	return iova_map_lower(map, range.start, &entry) && entry.range.start <= range.last;
}

struct visitor {
	struct iova_range range;
	int (*visit)(const struct iova_map_entry *entry, void *arg);
	void *arg;
};

static int visit_leaf(const struct visitor *visitor, const struct iova_map_node *leaf)
{
	leaf_prefetch(leaf);
	for (unsigned int row = leaf_lower(leaf, visitor->range.start); row < leaf->count; row++) {
		struct iova_map_entry entry = leaf_entry(leaf, row);
		int rc;

		if (entry.range.start > visitor->range.last)
			return 0;
		rc = visitor->visit(&entry, visitor->arg);
		if (rc)
			return rc;
	}
	return 0;
}

static int visit_node(const struct visitor *visitor, const struct iova_map_node *node,
		      unsigned int level)
{
	if (!level)
		return visit_leaf(visitor, node);
	inner_prefetch(node);
	for (unsigned int row = inner_lower(node, visitor->range.start); row < node->count; row++) {
		int rc = visit_node(visitor, inner_child(node, row), level - 1);

		if (rc)
			return rc;
		if (inner_cells(node, INNER_LAST)[row] >= visitor->range.last)
			return 0;
	}
	return 0;
}

int iova_map_for_each(const struct iova_map *map, struct iova_range range,
		      int (*visit)(const struct iova_map_entry *entry, void *arg), void *arg)
{
	const struct visitor visitor = {range, visit, arg};

	return map->root ? visit_node(&visitor, map->root, map->height - 1) : 0;
}

static void leaf_insert(struct iova_map_node *leaf, unsigned int row, struct iova_range range,
			void *value)
{
	node_open(leaf, row);
	leaf_cells(leaf, LEAF_START)[row] = range.start;
	leaf_cells(leaf, LEAF_LAST)[row] = range.last;
	leaf_cells(leaf, LEAF_VALUE)[row] = (uintptr_t)value;
}

static int insert_first(struct iova_map *map, struct iova_range range, void *value)
{
	struct iova_map_node *leaf = node_create(0);

	if (!leaf)
		return -ENOMEM;
	leaf_insert(leaf, 0, range, value);
	map->root = leaf;
	map->height = 1;
	map->first = range.start;
	map->count = 1;
	return 0;
}

/* Updates the lasts above the path's leaf, whose final row has changed. */
static void update_lasts(const struct iova_map *map, const struct iova_map_path *path)
{
	uint64_t last = node_last(path->step[0].node);

	for (unsigned int level = 1; level < map->height; level++) {
		struct iova_map_node *node = path->step[level].node;

		inner_cells(node, INNER_LAST)[path->step[level].row] = last;
		if (path->step[level].row + 1 < node->count)
			return;
	}
}

/* The lowest entry has changed, in the first leaf, which is on @path: updates the tree's base. */
static void update_first(struct iova_map *map, struct iova_map_path *path)
{
	map->first = leaf_cells(path->step[0].node, LEAF_START)[0];
	for (unsigned int level = 0; level < map->height; level++)
		path->step[level].base = map->first;
}

/* Inserts at @path, whose leaf has a free row. */
static void insert_at(struct iova_map *map, struct iova_map_path *path, struct iova_range range,
		      void *value)
{
	struct iova_map_node *leaf = path->step[0].node;
	unsigned int row = path->step[0].row;
	uint64_t begin = path_base(path, 0, row);

	leaf_insert(leaf, row, range, value);
	if (row + 1 == leaf->count) {
		update_lasts(map, path);
		map_hole_grew(map, path, begin, range.start);
	} else if (range.start < map->first) {
		uint64_t old_first = map->first;

		update_first(map, path);
		map_hole_grew(map, path, range.last + 1, old_first);
	} else {
		map_hole_shrank(map, path, begin, leaf_cells(leaf, LEAF_START)[row + 1]);
	}
}

/* Whether the leaf of the map's path is the one that a search for @iova ends in. */
static bool path_covers(const struct iova_map *map, uint64_t iova)
{
	const struct iova_map_node *leaf = map->path.step[0].node;

	if (!leaf || iova < map->path.step[0].base)
		return false;
	return iova <= node_last(leaf) || node_last(leaf) == node_last(map->root);
}

/*
 * The path to the entry that iova_map_lower() finds, as map_descend() has it, in the map itself:
 * what follows is mostly in the same leaf, and finds it without a search in the nodes above.
 */
static struct iova_map_path *find_path(struct iova_map *map, uint64_t iova)
{
	struct iova_map_path *path = &map->path;

	/* Above a single leaf there is nothing to search. */
	if (map->height > 1 && path_covers(map, iova))
		path->step[0].row = leaf_lower(path->step[0].node, iova);
	else
		map_descend(map, iova, path);
	return path;
}

int iova_map_insert(struct iova_map *map, struct iova_range range, void *value)
{
	struct iova_map_path *path;
	struct iova_map_node *leaf;
	int rc;

	assert(value && range.start <= range.last);
	if (!map->root)
		return insert_first(map, range, value);

	path = find_path(map, range.start);
	leaf = path->step[0].node;
	if (path->step[0].row < leaf->count &&
	    leaf_cells(leaf, LEAF_START)[path->step[0].row] <= range.last)
		return -EEXIST;
	if (leaf->count == LEAF_ROWS) {
		rc = map_make_row(map, path, range.start);
		if (rc)
			return rc;
	}
	insert_at(map, path, range, value);
	map->latest = range.start;
	map->count++;
	return 0;
}

bool iova_map_seek(struct iova_map *map, uint64_t iova, struct iova_map_entry *entry)
{
	const struct iova_map_path *path;

	if (!map->root || iova > node_last(map->root))
		return false;
	path = find_path(map, iova);
	*entry = leaf_entry(path->step[0].node, path->step[0].row);
	return true;
}

/* Removes the path's entry. It is not the only entry of its leaf, unless it is that of the map. */
static void remove_row(struct iova_map *map, struct iova_map_path *path)
{
	struct iova_map_node *leaf = path->step[0].node;
	unsigned int row = path->step[0].row;
	struct iova_range range = leaf_range(leaf, row);
	uint64_t begin = path_base(path, 0, row);
	const uint64_t *start = leaf_cells(leaf, LEAF_START);

	node_close(leaf, row);
	if (!leaf->count) {
		iova_map_destroy(map);
	} else if (range.start == map->first) {
		update_first(map, path);
		map_hole_shrank(map, path, range.last + 1, start[0]);
	} else if (row < leaf->count) {
		map_hole_grew(map, path, begin, start[row]);
	} else {
		/* The hole becomes that of the next leaf's first row, if there is a next leaf. */
		update_lasts(map, path);
		map_hole_shrank(map, path, begin, range.start);
		map_descend(map, range.start, path);
		leaf = path->step[0].node;
		if (path->step[0].row < leaf->count)
			map_hole_grew(map, path, begin, leaf_cells(leaf, LEAF_START)[0]);
	}
}

void iova_map_erase_found(struct iova_map *map)
{
	struct iova_map_path *path = &map->path;

	/*
	 * Refill first: so no leaf is ever empty, and rows move while all holes are accounted for.
	 */
	if (path->step[0].node->count <= LEAF_ROWS_MIN && map->height > 1) {
		uint64_t start = leaf_range(path->step[0].node, path->step[0].row).start;

		map_refill(map, path);
		map_descend(map, start, path);
	}
	map->count--;
	remove_row(map, path);
}

void *iova_map_erase(struct iova_map *map, uint64_t start)
{
	struct iova_map_entry entry;

	if (!iova_map_seek(map, start, &entry) || entry.range.start != start)
		return NULL;
	iova_map_erase_found(map);
	return entry.value;
}

int iova_map_prepare_split(struct iova_map *map, uint64_t start)
{
	struct iova_map_path *path = find_path(map, start);

	return path->step[0].node->count < LEAF_ROWS ? 0 : map_make_row(map, path, start);
}

/* The halves have no hole between them, and the leaf's final last stays: only the leaf changes. */
void iova_map_split(struct iova_map *map, uint64_t start, uint64_t last, void *head, void *rest)
{
	const struct iova_map_path *path = find_path(map, start);
	struct iova_map_node *leaf = path->step[0].node;
	const unsigned int row = path->step[0].row;
	struct iova_range range;

	range = leaf_range(leaf, row);
	assert(head && rest && range.start == start && start <= last && last < range.last);
	leaf_cells(leaf, LEAF_LAST)[row] = last;
	leaf_cells(leaf, LEAF_VALUE)[row] = (uintptr_t)head;
	leaf_insert(leaf, row + 1, (struct iova_range){last + 1, range.last}, rest);
	map->count++;
}

static size_t nodes_memory(const struct iova_map_node *node, unsigned int level)
{
	size_t bytes = node_size(node);

	if (level == 1)
		return bytes + node->count * node_size(inner_child(node, 0));
	if (level) {
		for (unsigned int row = 0; row < node->count; row++)
			bytes += nodes_memory(inner_child(node, row), level - 1);
	}
	return bytes;
}

size_t iova_map_memory(const struct iova_map *map)
{
	return map->root ? nodes_memory(map->root, map->height - 1) : 0;
}
