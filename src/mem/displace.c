/* SPDX-License-Identifier: MIT */
/*
 * Moving pinned pages: aside, or along with the program's memory.
 *
 * One displacement runs at a time. It locks all sources in the range, lists their pinned pages that
 * are in the program's memory there (segments), joins those to stretches of addresses, takes
 * addresses for each, and moves the stretches; what may fail is done before the first move but the
 * moves themselves, which are undone. Then the sources learn where their pages are, are unlocked,
 * and their users are told. For mremap, the stretches are one, and the move is the program's.
 *
 * Cost: O(n log n) in the number of segments, and a system call for each stretch, or for each
 * mapping in it on a kernel that moves only one at once.
 */
#include "mem/displace.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/gate.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/sys.h"
#include "mem/aside.h"
#include "mem/source_internal.h"

/* Pages of one source that move. In pages of the address space. */
struct segment {
	struct mem_source *source;
	uint64_t first, end;
	uint64_t page; /* of the source, that is at @first */
};

/* Segments that touch or overlap. */
struct stretch {
	uint64_t first, end;
	uint64_t aside; /* address */
	bool shared;	/* two segments have a page in common */
};

struct displacement {
	uint64_t first, end; /* the range, in pages */
	bool keep;
	struct mem_source **sources; /* in the range */
	struct displace_moved
		*victims; /* the same, and the hull of their pages that move; a count of 0: none */
	size_t victim_count;
	struct segment *segments;
	size_t segment_count, segment_capacity;
	struct stretch *stretches;
	size_t stretch_count, placed, moved; /* stretches: all; with addresses; that have moved */
};

static struct lock displacing = LOCK_INIT(LOCK_DISPLACING); /* one displacement at a time */
static _Atomic uint64_t generation;			    /* odd: pages are moving */
static _Atomic(displace_notify) notify;

void displace_enable(void)
{
	index_enable();
}

void displace_set_notify(displace_notify listener)
{
	atomic_store_explicit(&notify, listener, memory_order_release);
}

uint64_t displace_generation(void)
{
	return atomic_load_explicit(&generation, memory_order_seq_cst);
}

bool displace_in_progress(void)
{
	return displace_generation() & 1;
}

bool displace_settle(uint64_t since)
{
	lock_assert_none_from(LOCK_DISPLACING);
	if (displace_in_progress()) {
		lock_acquire(&displacing);
		lock_release(&displacing);
	}
	return displace_generation() != since;
}

/* The pages that [@va, @va + @len) touches, as [*@first, *@end). False: none. */
static bool touched_pages(uint64_t va, uint64_t len, uint64_t *first, uint64_t *end)
{
	uint64_t last;

	if (!len || check_last(va, len, &last))
		return false;
	*first = va >> PAGE_SHIFT;
	*end = (last >> PAGE_SHIFT) + 1;
	return true;
}

bool displace_needed(uint64_t va, uint64_t len)
{
	uint64_t first, end;

	if (!index_enabled() || !touched_pages(va, len, &first, &end))
		return false;
	return index_any(first << PAGE_SHIFT, (end << PAGE_SHIFT) - 1);
}

/* Asserts that all sources of @d are locked. */
static void assert_victims_locked(const struct displacement *d)
{
	for (size_t i = 0; i < d->victim_count; i++)
		source_assert_locked(d->sources[i]);
}

/* ---- what has to move ---- */

/* @segment's pages, as the source counts them. */
static struct mem_pages source_part(const struct segment *segment)
{
	return (struct mem_pages){.first = segment->page, .count = segment->end - segment->first};
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
	if (!source->strays) {
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
		widen(&victim->pages, source_part(&segment));
	}
	return 0;
}

static int by_first_page(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static int join_segments(struct displacement *d)
{
	struct stretch *stretch = NULL;

	qsort(d->segments, d->segment_count, sizeof(*d->segments), by_first_page);
	d->stretches = alloc_array(d->segment_count, sizeof(*d->stretches));
	if (!d->stretches)
		return -ENOMEM;
	for (size_t i = 0; i < d->segment_count; i++) {
		const struct segment *segment = &d->segments[i];

		if (!stretch || stretch->end < segment->first) {
			stretch = &d->stretches[d->stretch_count++];
			*stretch = (struct stretch){.first = segment->first, .end = segment->end};
			continue;
		}
		if (segment->first < stretch->end)
			stretch->shared = true;
		stretch->end = max_u64(stretch->end, segment->end);
	}
	return 0;
}

/*
 * Segments, and boundaries for them in the sources, all of which are locked (in a loop: no
 * analysis).
 */
static int list_segments(struct displacement *d) NO_LOCK_ANALYSIS
{
	assert_victims_locked(d);
	for (size_t i = 0; i < d->victim_count; i++) {
		if (add_segments(d, d->sources[i], &d->victims[i]))
			return -ENOMEM;
	}
	for (size_t i = 0; i < d->segment_count; i++) {
		struct segment *segment = &d->segments[i];

		if (pins_cut(&segment->source->parts, source_part(segment)))
			return -ENOMEM;
	}
	return 0;
}

/* All that moving aside needs, addresses, too. */
static int prepare(struct displacement *d)
{
	if (list_segments(d))
		return -ENOMEM;
	if (!d->segment_count)
		return 0;
	if (join_segments(d))
		return -ENOMEM;
	for (; d->placed < d->stretch_count; d->placed++) {
		struct stretch *stretch = &d->stretches[d->placed];

		if (aside_take(stretch->first << PAGE_SHIFT, stretch->end - stretch->first,
			       stretch->shared, &stretch->aside))
			return -ENOMEM;
	}
	return 0;
}

/* ---- moving ---- */

/*
 * Moves [@from, @from + @len) to @to: at once, or what lies in one mapping at a time, which is
 * found by halving. A page that is not mapped any more (by a system call that nobody saw) is left
 * out. On failure all of it is back.
 */
static int move_pages(uint64_t from, uint64_t to, uint64_t len, int flags)
{
	const uint64_t half = align_down(len / 2 + PAGE_MASK, PAGE_SIZE);
	int rc = sys_mremap_to((void *)(uintptr_t)from, len, (void *)(uintptr_t)to, flags);

	if (rc != -EFAULT)
		return rc;
	if (len == PAGE_SIZE)
		return 0;
	rc = move_pages(from, to, half, flags);
	if (rc)
		return rc;
	rc = move_pages(from + half, to + half, len - half, flags);
	if (rc)
		(void)move_pages(to, from, half, 0);
	return rc;
}

static int move_stretches(struct displacement *d)
{
	const int flags = d->keep ? MREMAP_DONTUNMAP : 0;

	for (; d->moved < d->stretch_count; d->moved++) {
		const struct stretch *stretch = &d->stretches[d->moved];
		uint64_t len = (stretch->end - stretch->first) << PAGE_SHIFT;

		if (fail_inject() ||
		    move_pages(stretch->first << PAGE_SHIFT, stretch->aside, len, flags))
			return -ENOMEM;
	}
	return 0;
}

/* Back to what was before prepare(). */
static void undo(struct displacement *d)
{
	assert_victims_locked(d);
	while (d->moved) {
		const struct stretch *stretch = &d->stretches[--d->moved];

		if (move_pages(stretch->aside, stretch->first << PAGE_SHIFT,
			       (stretch->end - stretch->first) << PAGE_SHIFT, 0))
			log_error("pinned pages at 0x%" PRIx64 " could not be moved back",
				  stretch->first << PAGE_SHIFT);
	}
	while (d->placed) {
		const struct stretch *stretch = &d->stretches[--d->placed];

		aside_cancel(stretch->aside, stretch->end - stretch->first);
	}
	for (size_t i = 0; i < d->segment_count; i++)
		pins_tidy(&d->segments[i].source->parts, source_part(&d->segments[i]));
}

/*
 * Tells the sources where their pages are. Segments and stretches are both in order of addresses.
 */
static void commit(struct displacement *d)
{
	const struct stretch *stretch = d->stretches;

	assert_victims_locked(d);
	for (size_t i = 0; i < d->segment_count; i++) {
		const struct segment *segment = &d->segments[i];
		uint64_t bus;

		while (stretch->end <= segment->first)
			stretch++;
		bus = stretch->aside + ((segment->first - stretch->first) << PAGE_SHIFT);
		pins_set_bus(&segment->source->parts, source_part(segment), bus, true);
		if (stretch->shared)
			aside_share(bus, segment->end - segment->first);
	}
}

static const char *cause_name(enum displace_cause cause)
{
	switch (cause) {
	case DISPLACE_MUNMAP:
		return "munmap";
	case DISPLACE_MREMAP:
		return "mremap";
	case DISPLACE_MMAP_FIXED:
		return "mmap with MAP_FIXED";
	case DISPLACE_MADVISE:
		break;
	}
	return "madvise";
}

static void report(const struct displacement *d, enum displace_cause cause)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < d->stretch_count; i++)
		pages += d->stretches[i].end - d->stretches[i].first;
	log_fault("%s of 0x%" PRIx64 "-0x%" PRIx64 " takes away %" PRIu64
		  " page(s) that are pinned for DMA: kept",
		  cause_name(cause), d->first << PAGE_SHIFT, (d->end << PAGE_SHIFT) - 1, pages);
}

static int displace_locked(struct displacement *d)
{
	int rc = prepare(d);

	if (!rc)
		rc = move_stretches(d);
	if (rc)
		undo(d);
	else
		commit(d);
	return rc;
}

/* ---- the program moves its memory ---- */

struct remap {
	uint64_t old, old_len, new_len;
	uint64_t to;
	int flags;
	struct index_place **places; /* for those victims that need one */
};

static void cancel_places(const struct displacement *d, const struct remap *remap)
{
	for (size_t i = 0; remap->places && i < d->victim_count; i++)
		index_place_destroy(remap->places[i]);
}

static int create_places(const struct displacement *d, struct remap *remap)
{
	remap->places = alloc_array(d->victim_count, sizeof(*remap->places));
	if (!remap->places)
		return -ENOMEM;
	for (size_t i = 0; i < d->victim_count; i++) {
		if (!d->victims[i].pages.count)
			continue;
		remap->places[i] = index_place_create(d->sources[i]);
		if (!remap->places[i])
			return -ENOMEM;
	}
	return 0;
}

/* Tells the sources, and the index, that what was in the range is at @to now. */
static void commit_remap(const struct displacement *d, const struct remap *remap, uint64_t to)
{
	const uint64_t len = (d->end - d->first) << PAGE_SHIFT;

	assert_victims_locked(d);
	for (size_t i = 0; i < d->segment_count; i++) {
		const struct segment *segment = &d->segments[i];
		uint64_t own = source_base(segment->source) + (segment->page << PAGE_SHIFT);
		uint64_t bus = to + ((segment->first - d->first) << PAGE_SHIFT);

		pins_set_bus(&segment->source->parts, source_part(segment), bus == own ? 0 : bus,
			     false);
		pins_tidy(&segment->source->parts, source_part(segment));
	}
	for (size_t i = 0; i < d->victim_count; i++) {
		if (!remap->places[i])
			continue;
		index_place_forget(d->sources[i], remap->old, remap->old + (len - 1));
		index_place_add(remap->places[i], to, to + (len - 1));
	}
}

static long remap_locked(struct displacement *d, struct remap *remap)
{
	long rc = list_segments(d);

	if (!rc)
		rc = create_places(d, remap);
	if (!rc)
		rc = sys_call(SYS_mremap, (long)remap->old, (long)remap->old_len,
			      (long)remap->new_len, remap->flags, (long)remap->to, 0);
	if (rc < 0) {
		undo(d);
		cancel_places(d, remap);
	} else {
		commit_remap(d, remap, (uint64_t)rc);
	}
	alloc_free(remap->places);
	return rc;
}

/* ---- all together ---- */

static int find_victims(struct displacement *d)
{
	int rc = index_find(d->first << PAGE_SHIFT, (d->end << PAGE_SHIFT) - 1, &d->sources,
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

static int by_source(const void *a, const void *b)
{
	const struct displace_moved *x = a, *y = b;

	return ((uintptr_t)x->source > (uintptr_t)y->source) -
	       ((uintptr_t)x->source < (uintptr_t)y->source);
}

const struct displace_moved *displace_find_moved(const struct displace_moved *moved, size_t count,
						 const struct mem_source *source)
{
	const struct displace_moved key = {.source = source};

	return bsearch(&key, moved, count, sizeof(*moved), by_source);
}

/* Tells the users of what has moved. */
static void notify_all(const struct displacement *d)
{
	displace_notify listener = atomic_load_explicit(&notify, memory_order_acquire);
	size_t count = 0;

	if (!listener)
		return;
	for (size_t i = 0; i < d->victim_count; i++) {
		if (d->victims[i].pages.count)
			d->victims[count++] = d->victims[i];
	}
	qsort(d->victims, count, sizeof(*d->victims), by_source);
	listener(d->victims, count);
}

/*
 * From here on DMA waits, and none is under way: until the tables are redirected, the addresses in
 * them mean the program's next mapping there, or nothing. (Locks in a loop: no analysis.)
 */
static void lock_victims(const struct displacement *d) REQUIRES(displacing) NO_LOCK_ANALYSIS
{
	lock_assert_held(&displacing);
	atomic_fetch_add_explicit(&generation, 1, memory_order_seq_cst);
	gate_wait_all();
	for (size_t i = 0; i < d->victim_count; i++)
		source_lock_nested(d->sources[i]);
}

/* (Locks in a loop: no analysis.) */
static void unlock_victims(const struct displacement *d) REQUIRES(displacing) NO_LOCK_ANALYSIS
{
	for (size_t i = 0; i < d->victim_count; i++)
		source_unlock(d->sources[i]);
}

static void finish(void) REQUIRES(displacing)
{
	atomic_fetch_add_explicit(&generation, 1, memory_order_seq_cst);
}

static int displace(struct displacement *d, enum displace_cause cause) REQUIRES(displacing)
{
	int rc = find_victims(d);

	if (rc || !d->victim_count)
		return rc;
	lock_victims(d);
	rc = displace_locked(d);
	unlock_victims(d);
	if (!rc && d->segment_count) {
		report(d, cause);
		notify_all(d);
	}
	finish();
	return rc;
}

static long remap_victims(struct displacement *d, struct remap *remap) REQUIRES(displacing)
{
	long rc = find_victims(d);

	if (rc)
		return rc;
	lock_victims(d);
	rc = remap_locked(d, remap);
	unlock_victims(d);
	if (rc >= 0 && d->segment_count)
		notify_all(d);
	finish();
	return rc;
}

static void release(struct displacement *d) RELEASES(displacing)
{
	for (size_t i = 0; i < d->victim_count; i++)
		mem_source_put(d->sources[i]);
	lock_release(&displacing);
	alloc_free(d->sources);
	alloc_free(d->victims);
	alloc_free(d->segments);
	alloc_free(d->stretches);
}

int displace_range(uint64_t va, uint64_t len, enum displace_cause cause, bool keep)
{
	struct displacement d = {.keep = keep};
	int rc;

	if (!index_enabled() || !touched_pages(va, len, &d.first, &d.end))
		return 0;
	lock_acquire(&displacing);
	rc = displace(&d, cause);
	release(&d);
	return rc;
}

long displace_mremap(uint64_t old, uint64_t old_len, uint64_t new_len, int flags, uint64_t to)
{
	struct remap remap = {
		.old = old, .old_len = old_len, .new_len = new_len, .flags = flags, .to = to};
	struct displacement d = {.keep = false};
	long rc;

	if (!index_enabled() || !touched_pages(old, min_u64(old_len, new_len), &d.first, &d.end))
		return sys_call(SYS_mremap, (long)old, (long)old_len, (long)new_len, flags,
				(long)to, 0);
	lock_acquire(&displacing);
	rc = remap_victims(&d, &remap);
	release(&d);
	return rc;
}
