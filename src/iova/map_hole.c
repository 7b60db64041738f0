/* SPDX-License-Identifier: MIT */
/*
 * Holes of the IOVA map: the rooms that inner nodes keep, and the search they serve.
 *
 * Keeping them costs an insert or erase a comparison in the leaf's parent, nearly always. A hole
 * that grew can only raise maxima, and stops at the first node whose do not change. A hole that
 * shrank matters only where it was the largest: there the maximum is taken anew over the node's
 * rows.
 *
 * The search is exact for alignments from a page up: a child whose room is large enough holds a
 * place, so that it descends once, O(log n), whatever the fragmentation. Below a page (which an
 * IOAS with an IOMMU in it never asks for) the room is an estimate, too large by at most align - 1
 * + offset bytes: a search may look into leaves in vain, as many as there are holes that are long
 * enough but within two pages of too short.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "iova/map_internal.h"

#define ALL_KINDS ((1u << ROOM_KINDS) - 1)

/* The largest of each kind. */
struct rooms {
	uint64_t room[ROOM_KINDS];
};

static unsigned int kind_of_align(uint64_t align)
{
	return align < PAGE_SIZE ? 0 : log2_floor(align) - ROOM_ALIGN_MIN_SHIFT + 1;
}

static uint64_t align_of_kind(unsigned int kind)
{
	return kind ? UINT64_C(1) << (kind + ROOM_ALIGN_MIN_SHIFT - 1) : 1;
}

/*
 * The last kind in which the hole [@begin, @end) has room; 0 if it is empty. An entry precedes it,
 * so that @begin is not 0 if the hole is not empty.
 */
static unsigned int top_kind(uint64_t begin, uint64_t end)
{
	/* The highest bit in which the ends differ is that of the most aligned address between. */
	unsigned int shift = log2_floor(((begin - 1) ^ (end - 1)) | 1);

	shift = shift < ROOM_ALIGN_MAX_SHIFT ? shift : ROOM_ALIGN_MAX_SHIFT;
	return shift < ROOM_ALIGN_MIN_SHIFT ? 0 : shift - ROOM_ALIGN_MIN_SHIFT + 1;
}

/* Room of @kind, at most the top kind, in the hole [@begin, @end). */
static uint64_t room_in(uint64_t begin, uint64_t end, unsigned int kind)
{
	uint64_t align = align_of_kind(kind);

	return end - align_down(begin + (align - 1), align);
}

/* Raises @rooms, of kinds up to @limit, to what the hole offers. */
static void rooms_add(struct rooms *rooms, uint64_t begin, uint64_t end, unsigned int limit)
{
	unsigned int top = top_kind(begin, end);

	top = top < limit ? top : limit;
	/* No kind of the hole exceeds its length, and no kind up to the top is below that one. */
	if (rooms->room[top] >= end - begin)
		return;
	for (unsigned int kind = 0; kind <= top; kind++)
		rooms->room[kind] = max_u64(rooms->room[kind], room_in(begin, end, kind));
}

/* The largest rooms of @leaf, of kinds up to @limit. */
static void leaf_rooms(const struct iova_map_node *leaf, uint64_t base, unsigned int limit,
		       struct rooms *rooms)
{
	const uint64_t *start = leaf_cells(leaf, LEAF_START);
	const uint64_t *last = leaf_cells(leaf, LEAF_LAST);
	uint64_t begin = base;

	memset(rooms, 0, sizeof(*rooms));
	for (unsigned int row = 0; row < leaf->count; row++) {
		rooms_add(rooms, begin, start[row], limit);
		begin = last[row] + 1;
	}
}

/* The largest of @count @cells. None exceeds @limit, so the search ends where that is found. */
static uint64_t largest(const uint64_t *cells, unsigned int count, uint64_t limit)
{
	uint64_t even = count & 1 ? cells[count - 1] : 0, odd = 0;

	/* Two at a time: one maximum would wait for the other. */
	for (unsigned int i = 0; i + 1 < count && max_u64(even, odd) < limit; i += 2) {
		even = max_u64(even, cells[i]);
		odd = max_u64(odd, cells[i + 1]);
	}
	return max_u64(even, odd);
}

/* The largest rooms of @inner in @kinds; those of other kinds are unspecified. */
static void inner_rooms(const struct iova_map_node *inner, unsigned int kinds, struct rooms *rooms)
{
	uint64_t limit = UINT64_MAX;

	/* No kind exceeds the one before it: in most nodes most are equal. */
	for (unsigned int rest = kinds; rest; rest &= rest - 1) {
		unsigned int kind = (unsigned int)__builtin_ctz(rest);

		limit = largest(inner_room(inner, kind), inner->count, limit);
		rooms->room[kind] = limit;
	}
}

void map_refresh_row(const struct iova_map_path *path, unsigned int level, unsigned int row)
{
	struct iova_map_node *node = path->node[level];
	const struct iova_map_node *child = inner_child(node, row);
	struct rooms rooms;

	if (level == 1)
		leaf_rooms(child, path_base(path, level, row), ROOM_KINDS - 1, &rooms);
	else
		inner_rooms(child, ALL_KINDS, &rooms);
	for (unsigned int kind = 0; kind < ROOM_KINDS; kind++)
		inner_room(node, kind)[row] = rooms.room[kind];
	inner_cells(node, INNER_LAST)[row] = node_last(child);
}

/* The room of @kind in the row of the leaf of @path. */
static uint64_t leaf_row_room(const struct iova_map_path *path, unsigned int kind)
{
	return inner_room(path->node[1], kind)[path->row[1]];
}

void map_hole_grew(const struct iova_map *map, const struct iova_map_path *path, uint64_t begin,
		   uint64_t end)
{
	struct rooms rooms = {0};
	bool changed = true;
	unsigned int top;

	if (begin == end || map->height == 1)
		return;
	top = top_kind(begin, end);
	if (leaf_row_room(path, top) >= end - begin)
		return;
	rooms_add(&rooms, begin, end, top);
	for (unsigned int level = 1; level < map->height && changed; level++) {
		changed = false;
		for (unsigned int kind = 0; kind <= top; kind++) {
			uint64_t *room = &inner_room(path->node[level], kind)[path->row[level]];

			if (*room < rooms.room[kind]) {
				*room = rooms.room[kind];
				changed = true;
			}
		}
	}
}

/* The kinds in which the hole of @old is the largest of its leaf. */
static unsigned int kinds_led(const struct iova_map_path *path, const struct rooms *old,
			      unsigned int top)
{
	unsigned int kinds = 0;

	for (unsigned int kind = 0; kind <= top; kind++)
		kinds |= (unsigned int)(leaf_row_room(path, kind) == old->room[kind]) << kind;
	return kinds;
}

/*
 * Lowers the rooms of the path's row at @level that are as large as @old, to what @now says;
 * returns the kinds, out of @kinds, in which that made a difference.
 */
static unsigned int lower_rooms(const struct iova_map_path *path, unsigned int level,
				unsigned int kinds, const struct rooms *old,
				const struct rooms *now)
{
	unsigned int changed = 0;

	for (unsigned int rest = kinds; rest; rest &= rest - 1) {
		unsigned int kind = (unsigned int)__builtin_ctz(rest);
		uint64_t *room = &inner_room(path->node[level], kind)[path->row[level]];

		if (*room == old->room[kind] && now->room[kind] < *room) {
			*room = now->room[kind];
			changed |= 1u << kind;
		}
	}
	return changed;
}

void map_hole_shrank(const struct iova_map *map, const struct iova_map_path *path, uint64_t begin,
		     uint64_t end)
{
	struct rooms old = {0}, now;
	unsigned int kinds, top;

	if (begin == end || map->height == 1)
		return;
	top = top_kind(begin, end);
	if (leaf_row_room(path, top) > end - begin)
		return;
	rooms_add(&old, begin, end, top);
	kinds = kinds_led(path, &old, top);
	if (!kinds)
		return;
	leaf_rooms(path->node[0], path->base[0], log2_floor(kinds), &now);
	for (unsigned int level = 1;; level++) {
		kinds = lower_rooms(path, level, kinds, &old, &now);
		if (!kinds || level + 1 == map->height)
			return;
		inner_rooms(path->node[level], kinds, &now);
	}
}

bool iova_fit(const struct iova_fit *fit, uint64_t start, uint64_t last, uint64_t *c)
{
	uint64_t candidate;

	if (check_align_up(start, fit->align, &candidate))
		return false;
	candidate |= fit->offset;
	if (candidate >= last || last - candidate < fit->len - 1)
		return false;
	*c = candidate;
	return true;
}

struct hole_search {
	struct iova_range window;
	const struct iova_fit *fit;
	unsigned int kind; /* a place needs a hole with room ... */
	uint64_t room;	   /* ... this large, of this kind */
};

/* The rooms that @fit needs; false if no hole of the tree can have as much. */
static bool search_init(struct hole_search *search, struct iova_range window,
			const struct iova_fit *fit)
{
	search->window = window;
	search->fit = fit;
	search->kind = kind_of_align(fit->align);
	/*
	 * A place at the very end of a hole does not count: what is needed is two bytes at least.
	 */
	search->room = max_u64(fit->len, 2);
	/* With page alignment the OR of the offset is an addition. */
	return !search->kind || !check_add(search->room, fit->offset, &search->room);
}

static bool search_leaf(const struct hole_search *search, const struct iova_map_node *leaf,
			uint64_t base, uint64_t *iova)
{
	const uint64_t *start = leaf_cells(leaf, LEAF_START);
	const uint64_t *last = leaf_cells(leaf, LEAF_LAST);
	unsigned int row = leaf_lower(leaf, search->window.start);
	uint64_t begin = row ? last[row - 1] + 1 : base;

	begin = max_u64(begin, search->window.start);
	for (; row < leaf->count && begin <= search->window.last; row++) {
		if (start[row] > begin && start[row] - begin >= search->room &&
		    iova_fit(search->fit, begin, min_u64(start[row] - 1, search->window.last),
			     iova))
			return true;
		begin = last[row] + 1;
	}
	return false;
}

/* The lowest place among the holes of @node. */
static bool search_node(const struct hole_search *search, const struct iova_map_node *node,
			unsigned int level, uint64_t base, uint64_t *iova)
{
	const uint64_t *last = node->cells;
	const uint64_t *room;
	unsigned int row;

	if (!level)
		return search_leaf(search, node, base, iova);

	room = inner_room(node, search->kind);
	for (row = inner_lower(node, search->window.start); row < node->count; row++) {
		uint64_t begin = row ? last[row - 1] + 1 : base;

		if (room[row] < search->room)
			continue;
		if (begin > search->window.last)
			return false;
		if (search_node(search, inner_child(node, row), level - 1, begin, iova))
			return true;
	}
	return false;
}

int iova_map_find_hole(const struct iova_map *map, struct iova_range window,
		       const struct iova_fit *fit, uint64_t *iova)
{
	struct hole_search search;
	uint64_t last;

	assert(fit->len && is_power_of_two(fit->align) &&
	       fit->align <= align_of_kind(ROOM_KINDS - 1));
	if (!map->root)
		return iova_fit(fit, window.start, window.last, iova) ? 0 : -ENOSPC;

	/* The holes around the tree are not in it. */
	if (window.start < map->first &&
	    iova_fit(fit, window.start, min_u64(window.last, map->first - 1), iova))
		return 0;
	if (search_init(&search, window, fit) &&
	    search_node(&search, map->root, map->height - 1, map->first, iova))
		return 0;
	last = node_last(map->root);
	if (last < window.last && iova_fit(fit, max_u64(window.start, last + 1), window.last, iova))
		return 0;
	return -ENOSPC;
}
