/* SPDX-License-Identifier: MIT */
/* Nodes of the IOVA map as tables of rows: opening, closing and moving them, without the holes. */
#include <assert.h>
#include <string.h>

#include "base/pool.h"
#include "iova/map_internal.h"

#define TABLE_SIZE(rows, columns) \
	(sizeof(struct iova_map_node) + sizeof(uint64_t) * (rows) * (size_t)(columns))

/* Shared by all maps. */
static struct pool leaves = POOL_INIT(TABLE_SIZE(LEAF_ROWS, LEAF_COLUMNS));
static struct pool inners = POOL_INIT(TABLE_SIZE(INNER_ROWS, INNER_COLUMNS));

enum {
	HEIGHT_FAR = 3,	    /* from here on the map has thousands of entries, beyond the caches */
	NEAR = 1024 * 1024, /* bytes that small entries of one leaf are apart, or a few leaves */
};

/* Marks the rows from @count up to @end as not in use. */
static void drop_rows(struct iova_map_node *node, unsigned int count, unsigned int end)
{
	for (unsigned int row = count; row < end; row++)
		node->cells[row] = UINT64_MAX;
	node->count = (uint16_t)count;
}

struct iova_map_node *node_create(unsigned int level)
{
	unsigned int rows = level ? INNER_ROWS : LEAF_ROWS;
	unsigned int columns = level ? (unsigned int)INNER_COLUMNS : (unsigned int)LEAF_COLUMNS;
	struct iova_map_node *node = pool_alloc(level ? &inners : &leaves);

	if (node) {
		node->rows = (uint16_t)rows;
		node->columns = (uint16_t)columns;
		drop_rows(node, 0, rows);
	}
	return node;
}

void node_free(struct iova_map_node *node)
{
	pool_free(node->rows == INNER_ROWS ? &inners : &leaves, node);
}

size_t node_size(const struct iova_map_node *node)
{
	return TABLE_SIZE(node->rows, node->columns);
}

/* Moves the rows from @from on to @to. The caller changes the count. */
static void shift_rows(struct iova_map_node *node, unsigned int from, unsigned int to)
{
	uint64_t *column = node->cells;

	for (unsigned int i = 0; i < node->columns; i++, column += node->rows)
		memmove(&column[to], &column[from], (node->count - from) * sizeof(*column));
}

static void copy_rows(struct iova_map_node *to_node, unsigned int to,
		      const struct iova_map_node *from_node, unsigned int from, unsigned int count)
{
	const uint64_t *source = from_node->cells;
	uint64_t *column = to_node->cells;

	for (unsigned int i = 0; i < to_node->columns; i++) {
		memcpy(&column[to], &source[from], count * sizeof(*column));
		column += to_node->rows;
		source += from_node->rows;
	}
}

void node_open(struct iova_map_node *node, unsigned int row)
{
	assert(node->count < node->rows && row <= node->count);
	/* Ascending inserts move nothing. */
	if (row < node->count)
		shift_rows(node, row, row + 1);
	node->count++;
}

void node_close(struct iova_map_node *node, unsigned int row)
{
	assert(row < node->count);
	shift_rows(node, row + 1, row);
	drop_rows(node, node->count - 1u, node->count);
}

void node_share(struct iova_map_node *left, struct iova_map_node *right, unsigned int left_count)
{
	unsigned int total = left->count + right->count;
	unsigned int moved;

	assert(left_count <= left->rows && total - left_count <= right->rows);
	if (left_count < left->count) {
		moved = left->count - left_count;
		shift_rows(right, 0, moved);
		copy_rows(right, 0, left, left_count, moved);
		right->count = (uint16_t)(total - left_count);
		drop_rows(left, left_count, left->count);
	} else {
		moved = left_count - left->count;
		copy_rows(left, left->count, right, 0, moved);
		left->count = (uint16_t)left_count;
		shift_rows(right, moved, 0);
		drop_rows(right, total - left_count, right->count);
	}
}

/* Starts to fetch the spans that changing a hole in the leaf below @row most often reads. */
static void span_prefetch(const struct iova_map_node *inner, unsigned int row)
{
	__builtin_prefetch(&inner_span(inner, 1)[row]);
	__builtin_prefetch(&inner_span(inner, 2)[row]);
}

void iova_map_prefetch(const struct iova_map *map, uint64_t iova)
{
	const struct iova_map_node *node = map->root, *parent = NULL;
	unsigned int row = 0;

	if (map->height < HEIGHT_FAR || iova - map->latest + NEAR < 2 * NEAR)
		return;
	for (unsigned int level = map->height - 1; level; level--) {
		parent = node;
		row = inner_lower(parent, iova);
		if (row == parent->count)
			row--;
		node = inner_child(parent, row);
	}
	leaf_prefetch_lasts(node);
	leaf_prefetch(node);
	span_prefetch(parent, row);
}

void map_descend(const struct iova_map *map, uint64_t iova, struct iova_map_path *path)
{
	struct iova_map_node *node = map->root;
	uint64_t base = map->first;

	for (unsigned int level = map->height - 1; level; level--) {
		unsigned int row = inner_lower(node, iova);

		if (row == node->count)
			row--;
		path->step[level].node = node;
		path->step[level].row = row;
		path->step[level].base = base;
		path->step[level].others = UINT64_MAX;
		base = path_base(path, level, row);
		node = inner_child(node, row);
		if (level == 1) {
			leaf_prefetch(node);
			span_prefetch(path->step[1].node, row);
		} else {
			inner_prefetch(node);
		}
	}
	path->step[0].node = node;
	path->step[0].row = leaf_lower(node, iova);
	path->step[0].base = base;
}
