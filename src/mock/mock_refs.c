/* SPDX-License-Identifier: MIT */
/*
 * MD_CHECK_REFS [TEST-CHECK]: how often each page of the caller is pinned, in all contexts and
 * mappings together. No count of this is kept: every source with pins is asked where its pages are.
 *
 * Cost: the number of areas, plus for each contiguous extent of pinned memory the number of ranges
 * asked for.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "iommufd/ioas/area.h"
#include "mock/mock_internal.h"

/* Pages of the caller with consecutive frames. */
struct page_range {
	struct frame first;
	uint64_t pages;
	uint64_t index; /* of the count of the first page */
	bool huge;	/* not checked */
};

struct refs {
	struct page_range *ranges;
	size_t range_count, range_capacity;
	uint32_t *counts; /* of each page */
	uint64_t pages;

	/* A reference of each; a source that several areas share is in it several times. */
	struct mem_source **sources;
	size_t source_count, source_capacity;
	struct frame_cursor cursor;
	int rc; /* result of gathering them */
};

/* Grows an array so that one more element fits. *@array does not change on failure. */
static int grow(void *array, size_t count, size_t *capacity, size_t size)
{
	void **elements = array;
	size_t wanted = *capacity ? 2 * *capacity : 16;
	void *grown;

	if (count < *capacity)
		return 0;
	grown = alloc_resize(*elements, wanted, size);
	if (!grown)
		return -ENOMEM;
	*elements = grown;
	*capacity = wanted;
	return 0;
}

/* ---- the pages asked for ---- */

/* True if @frame follows the last one of @range. */
static bool continues(const struct page_range *range, struct frame frame, bool huge)
{
	struct frame next = range->first;

	next.page += range->pages;
	return range->huge == huge && frame_equal(next, frame);
}

static int add_page(struct refs *refs, uint64_t bus)
{
	const struct frame frame = frame_of(&refs->cursor, bus);
	const bool huge = frame_is_huge(&refs->cursor, bus);
	struct page_range *range;

	if (!refs->range_count || !continues(&refs->ranges[refs->range_count - 1], frame, huge)) {
		if (grow(&refs->ranges, refs->range_count, &refs->range_capacity, sizeof(*range)))
			return -ENOMEM;
		refs->ranges[refs->range_count++] =
			(struct page_range){.first = frame, .index = refs->pages, .huge = huge};
	}
	range = &refs->ranges[refs->range_count - 1];
	range->pages++;
	refs->pages++;
	return 0;
}

static int add_pages(struct refs *refs, struct uiommufd_caller *caller, uint64_t uptr,
		     uint64_t length)
{
	for (uint64_t done = 0; done < length; done += PAGE_SIZE) {
		uint64_t bus;
		int rc = mock_present(caller, uptr + done, &bus);

		if (rc)
			return rc;
		rc = add_page(refs, bus);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- the sources with pins ---- */

static int gather_area(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	struct refs *refs = arg;

	/* That of a busy area is only its MAP's to look at. */
	if (area->busy || !mem_source_pinned_pages(area_source(area)))
		return 0;
	if (grow(&refs->sources, refs->source_count, &refs->source_capacity,
		 sizeof(struct mem_source *)))
		return -ENOMEM;
	refs->sources[refs->source_count++] = mem_source_get(area_source(area));
	return 0;
}

static void gather_ioas(struct ioas *ioas, void *arg)
{
	struct refs *refs = arg;

	if (!refs->rc)
		refs->rc = iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, gather_area, refs);
}

static int compare_sources(const void *a, const void *b)
{
	struct mem_source *const *left = a, *const *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* Counts those of the @pages frames from @first on that are asked for. */
static void count_frames(struct refs *refs, struct frame first, uint64_t pages)
{
	for (size_t i = 0; i < refs->range_count; i++) {
		const struct page_range *range = &refs->ranges[i];
		const uint64_t start = max_u64(first.page, range->first.page);
		const uint64_t end = min_u64(first.page + pages, range->first.page + range->pages);

		if (first.dev != range->first.dev || first.inode != range->first.inode)
			continue;
		for (uint64_t page = start; page < end; page++)
			refs->counts[range->index + page - range->first.page]++;
	}
}

static void count_extent(uint64_t bus, uint64_t len, void *arg)
{
	struct refs *refs = arg;

	while (len) {
		const uint64_t span = frame_span(&refs->cursor, bus, len);

		count_frames(refs, frame_of(&refs->cursor, bus), span >> PAGE_SHIFT);
		bus += span;
		len -= span;
	}
}

/* A source that several areas share pins its pages once. */
static void count_sources(struct refs *refs)
{
	if (!refs->source_count)
		return;
	qsort(refs->sources, refs->source_count, sizeof(struct mem_source *), compare_sources);
	for (size_t i = 0; i < refs->source_count; i++) {
		if (!i || refs->sources[i] != refs->sources[i - 1])
			frame_visit_pinned(refs->sources[i], count_extent, refs);
	}
}

static int compare_counts(const struct refs *refs, uint32_t expected)
{
	for (size_t i = 0; i < refs->range_count; i++) {
		const struct page_range *range = &refs->ranges[i];

		for (uint64_t page = 0; page < range->pages && !range->huge; page++) {
			if (refs->counts[range->index + page] != expected)
				return -EIO;
		}
	}
	return 0;
}

static int check_refs(struct refs *refs, uint32_t expected)
{
	if (!refs->pages)
		return 0;
	refs->counts = alloc_array(refs->pages, sizeof(refs->counts[0]));
	if (!refs->counts)
		return -ENOMEM;
	ioas_for_each(gather_ioas, refs);
	if (refs->rc)
		return refs->rc;
	count_sources(refs);
	return compare_counts(refs, expected);
}

int mock_check_refs(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	const uint64_t uptr = cmd->md_check_refs.uptr, length = cmd->md_check_refs.length;
	struct refs refs = {.rc = 0};
	uint64_t end;
	int rc;

	if (!is_aligned(uptr | length, PAGE_SIZE) || check_add(uptr, length, &end))
		return -EINVAL;
	rc = add_pages(&refs, ucmd->caller, uptr, length);
	/* A wrong count is found before a later page that is not there. */
	if (!rc || rc == -EFAULT) {
		int wrong = check_refs(&refs, cmd->md_check_refs.refs);

		rc = wrong ? wrong : rc;
	}
	for (size_t i = 0; i < refs.source_count; i++)
		mem_source_put(refs.sources[i]);
	alloc_free(refs.sources);
	alloc_free(refs.counts);
	alloc_free(refs.ranges);
	return rc;
}
