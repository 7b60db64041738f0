/* SPDX-License-Identifier: MIT */
/*
 * Moving pinned pages aside: the frame of each displacement.
 *
 * One displacement runs at a time. It stops DMA, locks all sources in the range, lists their pinned
 * pages that are in the program's memory there (segments), joins these to stretches of addresses,
 * takes addresses for each stretch, and moves it. Everything that may fail comes before the first
 * move, except the moves themselves, which are undone. Then the sources learn where their pages are
 * and are unlocked, the user API redirects its tables, and DMA goes on.
 *
 * Cost: O(n log n) in the number of segments, and a system call for each stretch, or for each
 * mapping in it on a kernel that moves only one mapping per call.
 */
#include "mem/displace.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/gate.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/sort.h"
#include "mem/aside.h"
#include "mem/displace_internal.h"
#include "mem/shmem.h"
#include "mem/source_internal.h"
#include "mem/view.h"

enum {
	REPORTED_CALLS = 16
};

struct lock displace_lock = LOCK_INIT(LOCK_DISPLACING); /* one displacement at a time */
static _Atomic uint64_t generation;			/* odd: pages are moving */
static _Atomic(displace_notify) notify;

void displace_enable(void)
{
	aside_prepare();
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
		lock_acquire(&displace_lock);
		lock_release(&displace_lock);
	}
	return displace_generation() != since;
}

bool displace_possible(void)
{
	return index_in_use() || shmem_in_use();
}

bool displace_needed(uint64_t va, uint64_t len)
{
	uint64_t first, end;

	if (!index_enabled() || !displace_touched(va, len, &first, &end))
		return false;
	return index_any(NULL, first << PAGE_SHIFT, (end << PAGE_SHIFT) - 1);
}

static int join_segments(struct displacement *d)
{
	struct stretch *stretch = NULL;

	displace_sort_segments(d);
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
		stretch->end = max_u64(stretch->end, segment->end);
	}
	return 0;
}

int displace_place(struct displacement *d)
{
	if (!d->segment_count)
		return 0;
	if (join_segments(d))
		return -ENOMEM;
	for (; d->placed < d->stretch_count; d->placed++) {
		struct stretch *stretch = &d->stretches[d->placed];

		if (aside_take(stretch->first << PAGE_SHIFT, stretch->end - stretch->first,
			       &stretch->aside))
			return -ENOMEM;
	}
	return 0;
}

void displace_release_stretches(struct displacement *d)
{
	while (d->placed) {
		const struct stretch *stretch = &d->stretches[--d->placed];

		aside_release(stretch->aside, stretch->end - stretch->first);
	}
}

/* Back to what was before displace_list(). */
static void undo(struct displacement *d)
{
	displace_assert_locked(d);
	displace_move_back(d);
	displace_release_stretches(d);
	displace_unlist(d);
}

/* Whether a page of @source is at its own address. A range taken away often ends with the last. */
static bool any_at_home(const struct mem_source *source) REQUIRES(source->lock)
{
	const uint64_t end = source_pages(source).count;
	struct pins_extent extent;

	source_assert_locked(source);
	if (!pins_extent_at(&source->parts, end - 1, end).bus)
		return true;
	for (uint64_t page = 0; page < end; page += extent.pages.count) {
		extent = pins_extent_at(&source->parts, page, end);
		if (!extent.bus)
			return true;
	}
	return false;
}

/*
 * Takes sources that have nothing at their own addresses any more out of the index there. The
 * system soon gives the program the same addresses again, and for each new buffer all former ones
 * would be found. (The sources are locked in a loop: no analysis.)
 */
static void forget_addresses(const struct displacement *d) NO_LOCK_ANALYSIS
{
	for (size_t i = 0; i < d->victims.count; i++) {
		if (index_has(d->victims.sources[i], INDEX_OWN) &&
		    !any_at_home(d->victims.sources[i]))
			index_leave(d->victims.sources[i]);
	}
}

/*
 * Segments and stretches are both in order of addresses. (Sources are locked in a loop: no
 * analysis.)
 */
void displace_commit(struct displacement *d) NO_LOCK_ANALYSIS
{
	const struct stretch *stretch = d->stretches;

	displace_assert_locked(d);
	for (size_t i = 0; i < d->segment_count; i++) {
		const struct segment *segment = &d->segments[i];
		uint64_t bus;

		while (stretch->end <= segment->first)
			stretch++;
		bus = stretch->aside + ((segment->first - stretch->first) << PAGE_SHIFT);
		source_lose_place(segment->source, segment_pages(segment));
		source_set_bus(segment->source, segment_pages(segment), bus, true);
		aside_hold(bus, segment->end - segment->first);
	}
	displace_release_stretches(d);
	forget_addresses(d);
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
		return "madvise";
	case DISPLACE_BRK:
		return "brk";
	case DISPLACE_SHMAT:
		return "shmat with SHM_REMAP";
	case DISPLACE_SHMDT:
		return "shmdt";
	case DISPLACE_REMAP_FILE_PAGES:
		break;
	}
	return "remap_file_pages";
}

/* One line for each of the first calls, then ever fewer: a program may do it for each buffer. */
void displace_report(const struct displacement *d, const char *what, uint64_t from, uint64_t to)
{
	static uint64_t calls GUARDED_BY(displace_lock);
	char note[64] = "";
	uint64_t pages = 0;

	lock_assert_held(&displace_lock);
	calls++;
	if (calls > REPORTED_CALLS && !is_power_of_two(calls))
		return;
	if (calls >= REPORTED_CALLS)
		(void)snprintf(note, sizeof(note), " (call %" PRIu64 "; most are not reported)",
			       calls);
	for (size_t i = 0; i < d->stretch_count; i++)
		pages += d->stretches[i].end - d->stretches[i].first;
	log_mistake("memory-taken-away",
		    "%s of 0x%" PRIx64 "-0x%" PRIx64 " takes away %" PRIu64
		    " page(s) that are pinned for DMA: kept%s",
		    what, from, to, pages, note);
}

/* What the program has protected comes aside with its rights. */
static void open_stretches(const struct displacement *d)
{
	for (size_t i = 0; view_any() && i < d->stretch_count; i++) {
		const struct stretch *stretch = &d->stretches[i];

		if (!stretch->stays)
			view_open(stretch->aside, (stretch->end - stretch->first) << PAGE_SHIFT);
	}
}

/* Moves the pages, and makes the program's call, if there is one. */
static long displace_locked(struct displacement *d)
{
	long rc = displace_list(d);

	if (!rc)
		rc = displace_place(d);
	if (rc)
		goto out_undo;
	rc = d->remote ? displace_keep_remote(d) : displace_move(d);
	if (rc)
		goto out_undo;
	rc = d->call ? d->call(d->arg) : 0;
	if (rc < 0)
		goto out_undo;
	if (d->drops)
		displace_lock_again(d);
	open_stretches(d);
	displace_commit(d);
	return rc;

out_undo:
	undo(d);
	return rc;
}

/* ---- the frame of each displacement ---- */

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

/* Calls the function that redirects tables. */
static void notify_all(const struct displacement *d)
{
	displace_notify listener = atomic_load_explicit(&notify, memory_order_acquire);
	size_t count = 0;

	if (!listener)
		return;
	for (size_t i = 0; i < d->victims.count; i++) {
		if (d->hulls[i].pages.count)
			d->hulls[count++] = d->hulls[i];
	}
	sort(d->hulls, count, sizeof(*d->hulls), by_source);
	listener(d->hulls, count);
}

/*
 * From here on DMA waits, and none is under way: until the tables are redirected, the addresses in
 * them mean the program's next mapping there, or nothing. (Locks in a loop: no analysis.)
 */
void displace_begin(const struct displacement *d) NO_LOCK_ANALYSIS
{
	lock_assert_held(&displace_lock);
	atomic_fetch_add_explicit(&generation, 1, memory_order_seq_cst);
	gate_wait_all();
	for (size_t i = 0; i < d->victims.count; i++)
		source_lock_nested(d->victims.sources[i]);
}

/* (Locks in a loop: no analysis.) */
void displace_end(const struct displacement *d, bool moved) NO_LOCK_ANALYSIS
{
	lock_assert_held(&displace_lock);
	for (size_t i = 0; i < d->victims.count; i++)
		source_unlock(d->victims.sources[i]);
	if (moved)
		notify_all(d);
	atomic_fetch_add_explicit(&generation, 1, memory_order_seq_cst);
}

long displace_run(struct displacement *d, uint64_t va, uint64_t len, enum displace_cause cause)
{
	bool moved;
	long rc;

	lock_assert_held(&displace_lock);
	if (!displace_touched(va, len, &d->first, &d->end))
		return d->call ? d->call(d->arg) : 0;
	rc = displace_find_victims(d);
	if (rc)
		goto out_destroy;
	if (!d->victims.count) {
		rc = d->call ? d->call(d->arg) : 0;
		goto out_destroy;
	}
	displace_begin(d);
	rc = displace_locked(d);
	moved = rc >= 0 && d->segment_count;
	displace_end(d, moved);
	if (moved)
		displace_report(d, cause_name(cause), d->first << PAGE_SHIFT,
				(d->end << PAGE_SHIFT) - 1);

out_destroy:
	displace_destroy(d);
	return rc;
}

int displace_range_locked(uint64_t va, uint64_t len, enum displace_cause cause, bool keep)
{
	struct displacement d = {.keep = keep};

	return (int)displace_run(&d, va, len, cause);
}

int displace_range(uint64_t va, uint64_t len, enum displace_cause cause, bool keep)
{
	int rc;

	if (!index_enabled())
		return 0;
	lock_acquire(&displace_lock);
	rc = displace_range_locked(va, len, cause, keep);
	lock_release(&displace_lock);
	return rc;
}

/* Whether a call of this kind leaves nothing mapped of what it takes away. */
static bool unmaps(enum displace_cause cause)
{
	return cause == DISPLACE_MUNMAP || cause == DISPLACE_MREMAP ||
	       cause == DISPLACE_MMAP_FIXED || cause == DISPLACE_SHMAT;
}

long displace_around(uint64_t va, uint64_t len, enum displace_cause cause, displace_call call,
		     void *arg)
{
	struct displacement d = {
		.keep = true,
		.unmaps = unmaps(cause),
		.drops = cause == DISPLACE_MADVISE,
		.call = call,
		.arg = arg,
	};
	long rc;

	if (!index_enabled())
		return call(arg);
	lock_acquire(&displace_lock);
	rc = displace_run(&d, va, len, cause);
	lock_release(&displace_lock);
	return rc;
}

/* ---- memory that has gone unseen ---- */

static int lose_locked(struct displacement *d)
{
	int rc = displace_list(d);

	if (!rc)
		rc = displace_place(d);
	if (!rc) {
		displace_commit(d);
		return 0;
	}
	displace_release_stretches(d);
	displace_unlist(d);
	return rc;
}

static void lose(struct displacement *d) REQUIRES(displace_lock)
{
	bool moved;
	int rc;

	lock_assert_held(&displace_lock);
	displace_begin(d);
	rc = lose_locked(d);
	moved = !rc && d->segment_count;
	displace_end(d, moved);
	if (rc)
		log_error("no memory to cut devices off from 0x%" PRIx64 "-0x%" PRIx64
			  ", where new memory is mapped now",
			  d->first << PAGE_SHIFT, (d->end << PAGE_SHIFT) - 1);
	else if (moved)
		log_fault("memory that is pinned for DMA has gone from 0x%" PRIx64 "-0x%" PRIx64
			  " by a call that was not seen: new memory is mapped there, and "
			  "devices are cut off",
			  d->first << PAGE_SHIFT, (d->end << PAGE_SHIFT) - 1);
}

void displace_lost(uint64_t va, uint64_t len)
{
	struct displacement d = {.keep = false};

	if (!displace_needed(va, len))
		return;
	lock_acquire(&displace_lock);
	if (displace_touched(va, len, &d.first, &d.end) && !displace_find_victims(&d) &&
	    d.victims.count)
		lose(&d);
	lock_release(&displace_lock);
	displace_destroy(&d);
}
