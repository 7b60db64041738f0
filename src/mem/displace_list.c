/* SPDX-License-Identifier: MIT */
/*
 * What a displacement moves: the pinned pages of all sources in a range that are in the program's
 * memory there. Pages that are aside already are not the program's.
 *
 * Cost: a search of the index, and for each source O(log n) for each of its parts in the range.
 */
#include <assert.h>

#include "base/alloc.h"
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
	for (size_t i = 0; i < d->victim_count; i++)
		source_assert_locked(d->sources[i]);
}

int displace_find_victims(struct displacement *d)
{
	int rc;

	lock_assert_held(&displace_lock);
	rc = index_find(d->first << PAGE_SHIFT, (d->end << PAGE_SHIFT) - 1, &d->sources,
			&d->victim_count);

	if (rc || !d->victim_count)
		return rc;
	d->victims = alloc_array(d->victim_count, sizeof(*d->victims));
	if (!d->victims)
		return -ENOMEM;
	for (size_t i = 0; i < d->victim_count; i++)
		d->victims[i].source = d->sources[i];
	return 0;
}

static int add_segment(struct displacement *d, struct segment segment)
{
	if (d->segment_count) {
		struct segment *last = &d->segments[d->segment_count - 1];

		if (last->source == segment.source && last->end == segment.first &&
		    last->page + (last->end - last->first) == segment.page) {
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

static void widen(struct mem_pages *hull, struct mem_pages pages)
{
	if (!hull->count)
		hull->first = pages.first;
	hull->count = pages.first + pages.count - hull->first;
}

/* Lists the pinned pages of @source that are in the range, in the program's memory. */
static int add_segments(struct displacement *d, struct mem_source *source,
			struct displace_moved *victim) REQUIRES(source->lock)
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
		if (segment.first >= segment.end)
			continue;
		if (add_segment(d, segment))
			return -ENOMEM;
		widen(&victim->pages, segment_pages(&segment));
	}
	return 0;
}

/* Sources are locked in a loop: no analysis. */
int displace_list(struct displacement *d) NO_LOCK_ANALYSIS
{
	displace_assert_locked(d);
	for (size_t i = 0; i < d->victim_count; i++) {
		if (add_segments(d, d->sources[i], &d->victims[i]))
			return -ENOMEM;
	}
	for (size_t i = 0; i < d->segment_count; i++) {
		struct segment *segment = &d->segments[i];

		if (pins_cut(&segment->source->parts, segment_pages(segment)))
			return -ENOMEM;
	}
	return 0;
}

void displace_unlist(const struct displacement *d)
{
	displace_assert_locked(d);
	for (size_t i = 0; i < d->segment_count; i++)
		pins_tidy(&d->segments[i].source->parts, segment_pages(&d->segments[i]));
}

void displace_destroy(struct displacement *d)
{
	for (size_t i = 0; i < d->victim_count; i++)
		mem_source_put(d->sources[i]);
	alloc_free(d->sources);
	alloc_free(d->victims);
	alloc_free(d->segments);
	alloc_free(d->stretches);
}
