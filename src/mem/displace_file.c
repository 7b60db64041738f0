/* SPDX-License-Identifier: MIT */
/*
 * Pages that leave a file while they are pinned. A kernel's device keeps them; they are nobody
 * else's then, so a private copy is the same.
 *
 * The system's lists of mappings say where the file is mapped: by the program, by programs in other
 * processes (by bus address: mem/process_memory.h), by the engine for MAP_FILE (mem/shmem.h), and
 * aside, where pages of it went that the program has unmapped. What is pinned there becomes
 * segments, counted in pages of the file, so that all sources that have the same page get the same
 * copy. A private copy of a page of the file is like a page of another file, whose pages are
 * numbered from PRIVATE_PAGES on by their address.
 *
 * The copies are made while DMA waits, and forgotten if the program's call fails.
 *
 * Cost: reading the lists of mappings; and for the sources of the file, and those at its mappings,
 * as for displace.c. If a part of the file is aside or in another process, for all sources.
 */
#include <linux/magic.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/sys.h"
#include "mem/aside.h"
#include "mem/displace_internal.h"
#include "mem/maps.h"
#include "mem/process_memory.h"
#include "mem/shmem.h"
#include "mem/source_internal.h"
#include "mem/view.h"

#define PRIVATE_PAGES (UINT64_C(1) << 52)

#ifndef XFS_SUPER_MAGIC /* missing in older headers */
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* Addresses at which pages of the file are mapped that are about to leave it. In pages. */
struct place {
	uint64_t first, end;
	uint64_t page; /* at @first, as segments count it */
};

/* The program's call, and all places. */
struct departure {
	struct displacement d;
	const struct displace_file *file;
	struct place *places;
	size_t count, capacity;
	bool elsewhere; /* one of them is aside, or in another process */
};

/* ---- places ---- */

static int add_place(struct departure *departure, struct place place)
{
	if (departure->count == departure->capacity) {
		size_t capacity = departure->capacity ? 2 * departure->capacity : 16;
		struct place *grown = alloc_resize(departure->places, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		departure->places = grown;
		departure->capacity = capacity;
	}
	departure->places[departure->count++] = place;
	return 0;
}

/* Adds what @entry maps of the pages that leave. */
static int add_entry(struct departure *departure, const struct maps_entry *entry)
{
	const struct displace_file *file = departure->file;
	const uint64_t offset = entry->offset >> PAGE_SHIFT, start = entry->start >> PAGE_SHIFT;
	const uint64_t end = offset + ((entry->end - entry->start) >> PAGE_SHIFT);
	struct place place = {.page = max_u64(offset, file->first)};

	if (entry->dev != file->dev || entry->inode != file->ino || file->first >= end ||
	    offset >= file->end || (!entry->shared && !file->copies))
		return 0;
	place.first = start + (place.page - offset);
	place.end = start + (min_u64(end, file->end) - offset);
	if (!entry->shared)
		place.page = PRIVATE_PAGES + place.first;
	departure->elsewhere |= process_memory_is_bus((const void *)(uintptr_t)entry->start) ||
				aside_has(entry->start);
	return add_place(departure, place);
}

/* Makes the addresses of @entry those of the bus. False: none of it is in @window. */
static bool put_on_bus(const struct process_window *window, struct maps_entry *entry)
{
	const uint64_t start = max_u64(entry->start, window->base);
	const uint64_t end = min_u64(entry->end, window->base + window->len);

	if (start >= end)
		return false;
	entry->offset += start - entry->start;
	entry->start = window->bus + (start - window->base);
	entry->end = entry->start + (end - start);
	return true;
}

static int find_in_window(struct departure *departure, const struct process_window *window)
{
	struct maps_entry entry;
	struct maps maps;
	int rc = fail_inject() ? -ENOMEM : maps_open_at(&maps, window->list);

	if (rc)
		return rc;
	while (!rc && maps_next(&maps, &entry)) {
		if (put_on_bus(window, &entry))
			rc = add_entry(departure, &entry);
	}
	maps_close(&maps);
	return rc;
}

/* In other processes. */
static int find_remote_places(struct departure *departure)
{
	struct process_window window;
	uint32_t at = 0;
	int rc = 0;

	while (!rc && process_memory_next_window(&at, &window)) {
		rc = find_in_window(departure, &window);
		(void)sys_close(window.list);
	}
	return rc;
}

static int find_places(struct departure *departure)
{
	struct maps_entry entry;
	struct maps maps;
	int rc = process_memory_any() ? find_remote_places(departure) : 0;

	if (!rc)
		rc = fail_inject() ? -ENOMEM : maps_open_kept(&maps);
	/* Without a list no page is known to be the file's, and most files are not under DMA. */
	if (rc == -EPERM || rc == -ENOENT || rc == -EACCES)
		return 0;
	if (rc)
		return rc;
	while (!rc && maps_next(&maps, &entry))
		rc = add_entry(departure, &entry);
	maps_close(&maps);
	return rc;
}

/* ---- sources ---- */

static int add_file_source(struct index_link *link, void *arg)
{
	return source_list_add(arg, source_of_link(link));
}

/* Every source that may have pinned pages at one of the places. */
static int find_sources(struct departure *departure)
{
	const struct displace_file *file = departure->file;
	struct source_list *list = &departure->d.victims;
	int rc = shmem_visit_sources(file->dev, file->ino, add_file_source, list);

	if (departure->elsewhere && !rc)
		rc = index_find_all(list);
	for (size_t i = 0; i < departure->count && !departure->elsewhere && !rc; i++)
		rc = index_find(NULL, departure->places[i].first << PAGE_SHIFT,
				(departure->places[i].end << PAGE_SHIFT) - 1, list);
	source_list_unify(list);
	return rc;
}

/* ---- segments ---- */

/* The part of [@bus, @bus + @pages), of @source from @page on, that is at @place. */
static int add_at_place(struct departure *departure, struct displace_moved *hull,
			const struct place *place, struct mem_source *source,
			struct mem_pages pages, uint64_t bus)
{
	const uint64_t at = bus >> PAGE_SHIFT;
	const uint64_t first = max_u64(at, place->first);
	const uint64_t end = min_u64(at + pages.count, place->end);
	const uint64_t page = place->page + (first - place->first);

	if (first >= end)
		return 0;
	return displace_add_segment(&departure->d, hull,
				    (struct segment){
					    .source = source,
					    .first = page,
					    .end = page + (end - first),
					    .page = pages.first + (first - at),
					    .from = first << PAGE_SHIFT,
				    });
}

static int add_at_places(struct departure *departure, struct displace_moved *hull,
			 struct mem_source *source, struct mem_pages pages, uint64_t bus)
{
	for (size_t i = 0; i < departure->count; i++) {
		if (add_at_place(departure, hull, &departure->places[i], source, pages, bus))
			return -ENOMEM;
	}
	return 0;
}

/* Lists what @source has pinned at the places. */
static int list_source(struct departure *departure, struct displace_moved *hull,
		       struct mem_source *source) REQUIRES(source->lock)
{
	const uint64_t end = source_pages(source).count;
	struct pins_extent extent;

	source_assert_locked(source);
	for (uint64_t page = 0; page < end; page += extent.pages.count) {
		uint64_t bus, len;

		extent = pins_extent_at(&source->parts, page, end);
		if (!extent.users && !source->whole)
			continue;
		source_extent_locked(source, page << PAGE_SHIFT, extent.pages.count << PAGE_SHIFT,
				     &bus, &len);
		extent.pages.count = len >> PAGE_SHIFT;
		if (add_at_places(departure, hull, source, extent.pages, bus))
			return -ENOMEM;
	}
	return 0;
}

/* Sources are locked in a loop: no analysis. */
static int list_all(struct departure *departure) NO_LOCK_ANALYSIS
{
	struct displacement *d = &departure->d;

	displace_assert_locked(d);
	for (size_t i = 0; i < d->victims.count; i++) {
		if (list_source(departure, &d->hulls[i], d->victims.sources[i]))
			return -ENOMEM;
	}
	return displace_cut(d);
}

/* ---- copies ---- */

/* A page that cannot be read has left the file before, unseen: it has no copy. */
void displace_copy_page(uint64_t to, uint64_t from)
{
	void *got;

	if (view_copy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, PAGE_SIZE))
		(void)sys_mmap((void *)(uintptr_t)to, PAGE_SIZE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0,
			       &got);
}

int displace_make_memory(const struct stretch *stretch)
{
	void *got;

	if (fail_inject())
		return -ENOMEM;
	return sys_mmap((void *)(uintptr_t)stretch->aside,
			(stretch->end - stretch->first) << PAGE_SHIFT, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0, &got);
}

/* Copies each page of each stretch once. Segments and stretches are in order of pages. */
static int copy_all(struct displacement *d)
{
	const struct segment *segment = d->segments;

	for (size_t i = 0; i < d->stretch_count; i++) {
		const struct stretch *stretch = &d->stretches[i];

		if (displace_make_memory(stretch))
			return -ENOMEM;
		for (uint64_t page = stretch->first; page < stretch->end; page++) {
			while (segment->end <= page)
				segment++;
			displace_copy_page(stretch->aside + ((page - stretch->first) << PAGE_SHIFT),
					   segment->from + ((page - segment->first) << PAGE_SHIFT));
		}
	}
	return 0;
}

/* ---- the frame ---- */

static long depart_locked(struct departure *departure)
{
	struct displacement *d = &departure->d;
	long rc = list_all(departure);

	if (!rc)
		rc = displace_place(d);
	if (!rc)
		rc = copy_all(d);
	if (!rc)
		rc = d->call(d->arg);
	if (rc >= 0) {
		displace_commit(d);
		return rc;
	}
	displace_release_stretches(d);
	displace_unlist(d);
	return rc;
}

static long depart(struct departure *departure) REQUIRES(displace_lock)
{
	const struct displace_file *file = departure->file;
	struct displacement *d = &departure->d;
	long rc = find_places(departure);

	lock_assert_held(&displace_lock);
	if (!rc && departure->count)
		rc = find_sources(departure);
	if (!rc)
		rc = displace_make_hulls(d);
	if (rc)
		return -ENOMEM;
	if (!d->victims.count)
		return d->call(d->arg);
	displace_begin(d);
	rc = depart_locked(departure);
	displace_end(d, rc >= 0 && d->segment_count);
	if (rc >= 0 && d->segment_count)
		displace_report(
			d, file->copies ? "truncation of a file: loss" : "hole in a file: loss",
			file->first << PAGE_SHIFT, (file->end << PAGE_SHIFT) - 1);
	return rc;
}

bool displace_shift_drops_copies(uint64_t type)
{
	return type != XFS_SUPER_MAGIC;
}

long displace_file(const struct displace_file *file, displace_call call, void *arg)
{
	struct departure departure = {.d = {.call = call, .arg = arg}, .file = file};
	long rc;

	if (file->first >= file->end || !displace_possible())
		return call(arg);
	lock_acquire(&displace_lock);
	rc = depart(&departure);
	lock_release(&displace_lock);
	alloc_free(departure.places);
	displace_destroy(&departure.d);
	return rc;
}
