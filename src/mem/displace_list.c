/* SPDX-License-Identifier: MIT */
/*
 * What a displacement moves: the pinned pages of all sources in a range that are in the program's
 * memory there. Pages that are aside already are not the program's.
 *
 * Cost: a search of the index, and for each source O(log n) for each of its parts in the range.
 */
#include <assert.h>

#include "base/alloc.h"
#include "base/sort.h"
#include "mem/displace_internal.h"
#include "mem/source_internal.h"

bool displace_touched(uint64_t va, uint64_t len, uint64_t *first, uint64_t *end)
{
	uint64_t last;

	if (!len || check_last(va, len, &last))
		return false;
	*first = va >> PAGE_SHIFT;
	*end = (last >> PAGE_SHIFT) + 1;
	return true;
}

void displace_assert_locked(const struct displacement *d)
{
	for (size_t i = 0; i < d->victims.count; i++)
		source_assert_locked(d->victims.sources[i]);
}

int displace_find_victims(struct displacement *d)
{
	int rc;

	lock_assert_held(&displace_lock);
	rc = index_find(d->remote ? d->remote->caller : NULL, d->first << PAGE_SHIFT,
			(d->end << PAGE_SHIFT) - 1, &d->victims);
	return rc ? rc : displace_make_hulls(d);
}

int displace_make_hulls(struct displacement *d)
{
	if (!d->victims.count)
		return 0;
	d->hulls = alloc_array(d->victims.count, sizeof(*d->hulls));
	if (!d->hulls)
		return -ENOMEM;
	for (size_t i = 0; i < d->victims.count; i++)
		d->hulls[i].source = d->victims.sources[i];
	return 0;
}

/* Appends @segment, or widens the last one by it. */
static int append(struct displacement *d, struct segment segment)
{
	if (d->segment_count) {
		struct segment *last = &d->segments[d->segment_count - 1];
		const uint64_t pages = last->end - last->first;

		if (last->source == segment.source && last->end == segment.first &&
		    last->page + pages == segment.page &&
		    last->from + (pages << PAGE_SHIFT) == segment.from) {
			last->end = segment.end;
			return 0;
		}
	}
	if (d->segment_count == d->segment_capacity) {
		size_t capacity = d->segment_capacity ? 2 * d->segment_capacity : 8;
		struct segment *grown = alloc_resize(d->segments, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		d->segments = grown;
		d->segment_capacity = capacity;
	}
	d->segments[d->segment_count++] = segment;
	return 0;
}

/* The sources' pages come in any order. */
static void widen(struct mem_pages *hull, struct mem_pages pages)
{
	const uint64_t end = max_u64(hull->first + hull->count, pages.first + pages.count);

	if (!hull->count) {
		*hull = pages;
		return;
	}
	hull->first = min_u64(hull->first, pages.first);
	hull->count = end - hull->first;
}

int displace_add_segment(struct displacement *d, struct displace_moved *hull,
			 struct segment segment)
{
	if (append(d, segment))
		return -ENOMEM;
	widen(&hull->pages, segment_pages(&segment));
	return 0;
}

/* The pages of @source that may be in the range. One that has moved may have any there. */
static void pages_in_question(const struct displacement *d, const struct mem_source *source,
			      uint64_t *page, uint64_t *end)
{
	const uint64_t base = source_base(source) >> PAGE_SHIFT;

	*page = 0;
	*end = source_pages(source).count;
	if (!index_has(source, INDEX_PLACES)) {
		*page = max_u64(base, d->first) - base;
		*end = min_u64(base + *end, d->end) - base;
	}
}

/* Lists the pinned pages of @source that are in the range, in the program's memory. */
static int add_segments(struct displacement *d, struct mem_source *source,
			struct displace_moved *hull) REQUIRES(source->lock)
{
	uint64_t page, end;
	struct pins_extent extent;

	source_assert_locked(source);
	pages_in_question(d, source, &page, &end);
	for (; page < end; page += extent.pages.count) {
		struct segment segment = {.source = source};
		uint64_t at;

		extent = pins_extent_at(&source->parts, page, end);
		if (extent.aside || (!extent.users && !source->whole))
			continue;
		at = source_extent_address(source, &extent) >> PAGE_SHIFT;
		segment.first = max_u64(at, d->first);
		segment.end = min_u64(at + extent.pages.count, d->end);
		segment.page = page + (segment.first - at);
		segment.from = segment.first << PAGE_SHIFT;
		if (segment.first < segment.end && displace_add_segment(d, hull, segment))
			return -ENOMEM;
	}
	return 0;
}

/* Sources are locked in a loop: no analysis. */
int displace_list(struct displacement *d) NO_LOCK_ANALYSIS
{
	displace_assert_locked(d);
	for (size_t i = 0; i < d->victims.count; i++) {
		if (add_segments(d, d->victims.sources[i], &d->hulls[i]))
			return -ENOMEM;
	}
	return displace_cut(d);
}

int displace_cut(const struct displacement *d)
{
	displace_assert_locked(d);
	for (size_t i = 0; i < d->segment_count; i++) {
		struct segment *segment = &d->segments[i];

		if (pins_cut(&segment->source->parts, segment_pages(segment)))
			return -ENOMEM;
	}
	return 0;
}

static int by_first_page(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

void displace_sort_segments(struct displacement *d)
{
	sort(d->segments, d->segment_count, sizeof(*d->segments), by_first_page);
}

void displace_unlist(const struct displacement *d)
{
	displace_assert_locked(d);
	for (size_t i = 0; i < d->segment_count; i++)
		pins_tidy(&d->segments[i].source->parts, segment_pages(&d->segments[i]));
}

/* ---- piece by piece ---- */

/* Calls @piece for [@from, @to), in pages, unless it is empty. */
static long call_piece(displace_piece piece, void *arg, uint64_t from, uint64_t to, bool pinned)
{
	return from < to ? piece(from << PAGE_SHIFT, (to - from) << PAGE_SHIFT, pinned, arg) : 0;
}

static long visit_pieces(struct displacement *d, displace_piece piece, void *arg)
{
	uint64_t at = d->first;
	long rc = 0;

	displace_sort_segments(d);
	for (size_t i = 0; i < d->segment_count && rc >= 0; i++) {
		const struct segment *segment = &d->segments[i];
		const uint64_t first = max_u64(segment->first, at);

		rc = call_piece(piece, arg, at, first, false);
		if (rc >= 0)
			rc = call_piece(piece, arg, first, segment->end, true);
		at = max_u64(at, segment->end);
	}
	return rc < 0 ? rc : call_piece(piece, arg, at, d->end, false);
}

/* Sources are locked in a loop: no analysis. */
static long by_piece(struct displacement *d, displace_piece piece, void *arg) NO_LOCK_ANALYSIS
{
	long rc;

	for (size_t i = 0; i < d->victims.count; i++)
		source_lock_nested(d->victims.sources[i]);
	rc = displace_list(d);
	if (!rc)
		rc = visit_pieces(d, piece, arg);
	displace_unlist(d);
	for (size_t i = 0; i < d->victims.count; i++)
		source_unlock(d->victims.sources[i]);
	return rc;
}

long displace_by_piece(uint64_t va, uint64_t len, displace_piece piece, void *arg)
{
	struct displacement d = {.keep = true};
	long rc = 0;

	lock_acquire(&displace_lock);
	if (displace_touched(va, len, &d.first, &d.end)) {
		rc = displace_find_victims(&d);
		if (!rc)
			rc = by_piece(&d, piece, arg);
	}
	lock_release(&displace_lock);
	displace_destroy(&d);
	return rc < 0 ? rc : 0;
}

void displace_destroy(struct displacement *d)
{
	source_list_destroy(&d->victims);
	alloc_free(d->hulls);
	alloc_free(d->segments);
	alloc_free(d->stretches);
}
