/* SPDX-License-Identifier: MIT */
/*
 * Holes of the IOVA map: the spans that inner nodes keep, and the search they serve.
 *
 * Maintaining them costs an insert or erase one comparison in the leaf's parent, nearly always. A
 * hole that grew can only raise maxima, and the update ends at the first node that does not change.
 * A hole that shrank matters only where it was the largest: there the maximum is taken again over
 * the rows of the node.
 *
 * The search is exact for alignments from a page up: a child whose span is large enough holds a
 * place, so the search descends once, O(log n), however fragmented the map is. Below a page (which
 * an IOAS with an IOMMU never asks for) the span is an estimate, too large by at most align - 1 +
 * offset bytes: a search may look in vain into one leaf for each hole that is long enough, but by
 * less than two pages.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "iova/map_internal.h"

#define ALL_KINDS ((1u << SPAN_KINDS) - 1)

/* The largest span of each kind. */
struct spans {
	uint64_t span[SPAN_KINDS];
};

static unsigned int kind_of_align(uint64_t align)
{
	return align < PAGE_SIZE ? 0 : log2_floor(align) - SPAN_ALIGN_MIN_SHIFT + 1;
}

static uint64_t align_of_kind(unsigned int kind)
{
	return kind ? UINT64_C(1) << (kind + SPAN_ALIGN_MIN_SHIFT - 1) : 1;
}

/*
 * The highest kind in which the hole [@begin, @end) has a span; 0 if it is empty. An entry precedes
 * the hole, so @begin is not 0 unless the hole is empty.
 */
static unsigned int top_kind(uint64_t begin, uint64_t end)
{
	/* The highest bit in which the ends differ is that of the most aligned address between. */
	unsigned int shift = log2_floor(((begin - 1) ^ (end - 1)) | 1);

	shift = shift < SPAN_ALIGN_MAX_SHIFT ? shift : SPAN_ALIGN_MAX_SHIFT;
	return shift < SPAN_ALIGN_MIN_SHIFT ? 0 : shift - SPAN_ALIGN_MIN_SHIFT + 1;
}

/* The span of @kind, at most the top kind, of the hole [@begin, @end). */
static uint64_t span_in(uint64_t begin, uint64_t end, unsigned int kind)
{
	uint64_t align = align_of_kind(kind);

	return end - align_down(begin + (align - 1), align);
}

/* Raises @spans, of kinds up to @limit, to those of the hole. */
static void spans_add(struct spans *spans, uint64_t begin, uint64_t end, unsigned int limit)
{
	unsigned int top = top_kind(begin, end);

	top = top < limit ? top : limit;
	/* No kind of the hole exceeds its length, and no kind up to the top is below that one. */
	if (spans->span[top] >= end - begin)
		return;
	for (unsigned int kind = 0; kind <= top; kind++)
		spans->span[kind] = max_u64(spans->span[kind], span_in(begin, end, kind));
}

/* The largest spans of @leaf, of kinds up to @limit. */
static void leaf_spans(const struct iova_map_node *leaf, uint64_t base, unsigned int limit,
		       struct spans *spans)
{
	const uint64_t *start = leaf_cells(leaf, LEAF_START);
	const uint64_t *last = leaf_cells(leaf, LEAF_LAST);
	uint64_t begin = base;

	memset(spans, 0, sizeof(*spans));
	for (unsigned int row = 0; row < leaf->count; row++) {
		if (start[row] != begin)
			spans_add(spans, begin, start[row], limit);
		begin = last[row] + 1;
	}
}

/* Whether @spans has reached @old in all of @kinds. */
static bool spans_reach(const struct spans *spans, const struct spans *old, unsigned int kinds)
{
	for (; kinds; kinds &= kinds - 1) {
		unsigned int kind = (unsigned int)__builtin_ctz(kinds);

		if (spans->span[kind] < old->span[kind])
			return false;
	}
	return true;
}

/*
 * leaf_spans() of the leaf of @path in @kinds after a hole at its row has shrunk, which had @old,
 * the largest in these kinds. Most leaves have other holes of that size, or what is left of this
 * one is still larger than all others: so its rest is looked at first, the loop ends where a hole
 * equals it, and shorter holes cost one comparison.
 */
static void spans_after(const struct iova_map_path *path, unsigned int kinds,
			const struct spans *old, struct spans *spans)
{
	const struct iova_map_node *leaf = path->step[0].node;
	const uint64_t *start = leaf_cells(leaf, LEAF_START);
	const uint64_t *last = leaf_cells(leaf, LEAF_LAST);
	const unsigned int limit = log2_floor(kinds), at = path->step[0].row;
	uint64_t begin = path->step[0].base;

	memset(spans, 0, (limit + 1) * sizeof(spans->span[0]));
	for (unsigned int row = at; row < leaf->count && row <= at + 1; row++)
		spans_add(spans, row ? last[row - 1] + 1 : begin, start[row], limit);
	for (unsigned int row = 0; row < leaf->count; row++) {
		/* No kind is below the last one. */
		if (start[row] - begin > spans->span[limit]) {
			spans_add(spans, begin, start[row], limit);
			if (spans_reach(spans, old, kinds))
				return;
		}
		begin = last[row] + 1;
	}
}

/* The largest of @count @cells, or one of those that are at least @limit. */
static uint64_t largest(const uint64_t *cells, unsigned int count, uint64_t limit)
{
	uint64_t even = count & 1 ? cells[count - 1] : 0, odd = 0;

	/* Two independent maxima: the comparisons of one would wait for each other. */
	for (unsigned int i = 0; i + 1 < count && max_u64(even, odd) < limit; i += 2) {
		even = max_u64(even, cells[i]);
		odd = max_u64(odd, cells[i + 1]);
	}
	return max_u64(even, odd);
}

/*
 * The largest spans of @inner in @kinds, or any that are at least @enough (NULL: exactly the
 * largest); those of other kinds are unspecified.
 */
static void inner_spans(const struct iova_map_node *inner, unsigned int kinds,
			const struct spans *enough, struct spans *spans)
{
	uint64_t limit = UINT64_MAX;

	/* No kind exceeds the one before it, and in most nodes most are equal. */
	for (unsigned int rest = kinds; rest; rest &= rest - 1) {
		unsigned int kind = (unsigned int)__builtin_ctz(rest);

		if (enough)
			limit = min_u64(limit, enough->span[kind]);
		limit = largest(inner_span(inner, kind), inner->count, limit);
		spans->span[kind] = limit;
	}
}

/*
 * inner_spans() of the path's node at @level after the spans of its row have fallen from @old to
 * @spans in @kinds. In a hole that is being filled, what is left of it is mostly still the largest
 * in all kinds: then it is enough to know that of the others, which the path keeps. If one of them
 * is as large as the hole was, nothing changes for the parent, and any span from the old one on
 * says so.
 */
static void inner_spans_after(struct iova_map_path *path, unsigned int level, unsigned int kinds,
			      const struct spans *old, struct spans *spans)
{
	const struct iova_map_node *inner = path->step[level].node;
	const unsigned int row = path->step[level].row;
	/* No kind exceeds the first one, or is below the last. */
	const uint64_t *span = inner_span(inner, 0), limit = spans->span[log2_floor(kinds)];
	uint64_t others = path->step[level].others;

	if (others <= limit)
		return;
	others = largest(span, row, limit + 1);
	if (others <= limit)
		others =
			max_u64(others, largest(span + row + 1, inner->count - row - 1, limit + 1));
	if (others <= limit)
		path->step[level].others = others;
	else
		inner_spans(inner, kinds, old, spans);
}

void map_refresh_row(const struct iova_map_path *path, unsigned int level, unsigned int row)
{
	struct iova_map_node *node = path->step[level].node;
	const struct iova_map_node *child = inner_child(node, row);
	struct spans spans;

	if (level == 1)
		leaf_spans(child, path_base(path, level, row), SPAN_KINDS - 1, &spans);
	else
		inner_spans(child, ALL_KINDS, NULL, &spans);
	for (unsigned int kind = 0; kind < SPAN_KINDS; kind++)
		inner_span(node, kind)[row] = spans.span[kind];
	inner_cells(node, INNER_LAST)[row] = node_last(child);
}

/* The span of @kind that the parent keeps for the leaf of @path. */
static uint64_t leaf_row_span(const struct iova_map_path *path, unsigned int kind)
{
	return inner_span(path->step[1].node, kind)[path->step[1].row];
}

static inline bool raise_cell(uint64_t *cell, uint64_t value)
{
	if (*cell >= value)
		return false;
	*cell = value;
	return true;
}

/*
 * Raises the spans of kinds up to @top, of which @span is the first, to those of the hole. Returns
 * whether one of them has changed. UNMAPs in ascending order change them all each time.
 */
static bool raise_spans(uint64_t *span, uint64_t begin, uint64_t end, unsigned int top)
{
	uint64_t aligned = (begin + PAGE_MASK) & ~PAGE_MASK;
	bool changed = raise_cell(span, end - begin);

	/* What is aligned for one kind is for the next, too, or is one such step before it. */
	for (uint64_t step = PAGE_SIZE; step < PAGE_SIZE << top; step *= 2) {
		span += INNER_ROWS;
		changed |= raise_cell(span, end - aligned);
		aligned += aligned & step;
	}
	return changed;
}

void map_hole_grew(const struct iova_map *map, const struct iova_map_path *path, uint64_t begin,
		   uint64_t end)
{
	unsigned int top;
	bool changed = true;

	if (begin == end || map->height == 1)
		return;
	top = top_kind(begin, end);
	if (leaf_row_span(path, top) >= end - begin)
		return;
	for (unsigned int level = 1; level < map->height && changed; level++)
		changed = raise_spans(&inner_span(path->step[level].node, 0)[path->step[level].row],
				      begin, end, top);
}

/* Where the hole that ends at @end, at the row of @path or the next, begins now; @end: gone. */
static uint64_t begin_of_rest(const struct iova_map_path *path, uint64_t end)
{
	const struct iova_map_node *leaf = path->step[0].node;
	const uint64_t *start = leaf_cells(leaf, LEAF_START);
	const uint64_t *last = leaf_cells(leaf, LEAF_LAST);

	for (unsigned int row = path->step[0].row;
	     row < leaf->count && row <= path->step[0].row + 1; row++)
		if (start[row] == end)
			return row ? last[row - 1] + 1 : path->step[0].base;
	return end;
}

/*
 * The kinds in which the hole [@begin, @end) was the largest of its leaf, and what is left of it at
 * its end, from @rest on, is smaller. Sets @old to its spans of those kinds. The first kind whose
 * aligned address is still in the rest ends the loop: it is the same for all higher kinds.
 */
static unsigned int kinds_lost(const struct iova_map_path *path, uint64_t begin, uint64_t end,
			       uint64_t rest, struct spans *old)
{
	const unsigned int top = top_kind(begin, end);
	unsigned int kinds = 0;

	for (unsigned int kind = 0; kind <= top; kind++) {
		old->span[kind] = span_in(begin, end, kind);
		if (rest < end && end - old->span[kind] >= rest)
			break;
		kinds |= (unsigned int)(leaf_row_span(path, kind) == old->span[kind]) << kind;
	}
	return kinds;
}

/*
 * Lowers those spans of the path's row at @level that equal @old to @now. Returns the kinds, out of
 * @kinds, that changed.
 */
static unsigned int lower_spans(const struct iova_map_path *path, unsigned int level,
				unsigned int kinds, const struct spans *old,
				const struct spans *now)
{
	unsigned int changed = 0;

	for (unsigned int rest = kinds; rest; rest &= rest - 1) {
		unsigned int kind = (unsigned int)__builtin_ctz(rest);
		uint64_t *span = &inner_span(path->step[level].node, kind)[path->step[level].row];

		if (*span == old->span[kind] && now->span[kind] < *span) {
			*span = now->span[kind];
			changed |= 1u << kind;
		}
	}
	return changed;
}

void map_hole_shrank(const struct iova_map *map, struct iova_map_path *path, uint64_t begin,
		     uint64_t end)
{
	struct spans old, now;
	unsigned int kinds;

	if (begin == end || map->height == 1)
		return;
	if (leaf_row_span(path, top_kind(begin, end)) > end - begin)
		return;
	kinds = kinds_lost(path, begin, end, begin_of_rest(path, end), &old);
	if (!kinds)
		return;
	spans_after(path, kinds, &old, &now);
	for (unsigned int level = 1;; level++) {
		kinds = lower_spans(path, level, kinds, &old, &now);
		if (!kinds || level + 1 == map->height)
			return;
		inner_spans_after(path, level, kinds, &old, &now);
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
	unsigned int kind; /* a place needs a hole whose span of this kind ... */
	uint64_t span;	   /* ... is at least this */
};

/* Sets the span that @fit needs. False: it is larger than any hole. */
static bool search_init(struct hole_search *search, struct iova_range window,
			const struct iova_fit *fit)
{
	search->window = window;
	search->fit = fit;
	search->kind = kind_of_align(fit->align);
	/* The last byte of a hole never fits (iova_fit()), so two bytes are the least. */
	search->span = max_u64(fit->len, 2);
	/* With page alignment the OR of the offset is an addition. */
	return !search->kind || !check_add(search->span, fit->offset, &search->span);
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
		if (start[row] > begin && start[row] - begin >= search->span &&
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
	const uint64_t *span;
	unsigned int row;

	if (!level)
		return search_leaf(search, node, base, iova);

	span = inner_span(node, search->kind);
	for (row = inner_lower(node, search->window.start); row < node->count; row++) {
		uint64_t begin = row ? last[row - 1] + 1 : base;

		if (span[row] < search->span)
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
	       fit->align <= align_of_kind(SPAN_KINDS - 1));
	if (!map->root)
		return iova_fit(fit, window.start, window.last, iova) ? 0 : -ENOSPC;

	/* The holes before the first and after the final entry are not the tree's. */
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
