/* SPDX-License-Identifier: MIT */
/* Frames are found in /proc/PID/maps; no lock, no state but the sizes of huge pages. */
#include "mem/frame.h"

#include <pthread.h>

#include "base/sys.h"
#include "mem/maps.h"
#include "mem/process_memory.h"
#include "mem/source_internal.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

/* ---- huge pages ---- */

/*
 * All memory of one size of huge pages comes from one file system, which has its own device number.
 */
enum {
	HUGE_MIN_SHIFT = 15,
	HUGE_MAX_SHIFT = 34
};

static uint64_t huge_dev[HUGE_MAX_SHIFT + 1]; /* by the page's shift; 0: no such pages */
static pthread_once_t huge_once = PTHREAD_ONCE_INIT;

static void find_huge_devs(void)
{
	for (unsigned int shift = HUGE_MIN_SHIFT; shift <= HUGE_MAX_SHIFT; shift++) {
		const unsigned int flags = MFD_CLOEXEC | MFD_HUGETLB | (shift << MFD_HUGE_SHIFT);
		struct stat st;
		long fd = sys_call(SYS_memfd_create, (long)"", (long)flags, 0, 0, 0, 0);

		if (fd < 0)
			continue;
		if (!sys_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0))
			huge_dev[shift] = st.st_dev;
		(void)sys_close((int)fd);
	}
}

static uint64_t page_size_of(uint64_t dev)
{
	(void)pthread_once(&huge_once, find_huge_devs);
	for (unsigned int shift = HUGE_MIN_SHIFT; dev && shift <= HUGE_MAX_SHIFT; shift++) {
		if (huge_dev[shift] == dev)
			return UINT64_C(1) << shift;
	}
	return PAGE_SIZE;
}

/* ---- mappings ---- */

/* The list that has @addr, which becomes an address of that list: it is @shift below the bus's. */
static int open_list(struct maps *maps, uint64_t *addr, uint64_t *shift)
{
	int list;

	*shift = 0;
	if (!process_memory_is_bus((const void *)(uintptr_t)*addr))
		return maps_open(maps);
	list = process_memory_list(*addr, shift);
	*addr -= *shift;
	return list < 0 ? list : maps_open_at(maps, list);
}

/* Finds the mapping that holds @addr. If none is found: one private page. */
static void find_mapping(uint64_t addr, struct frame_mapping *found)
{
	const uint64_t page = align_down(addr, PAGE_SIZE);
	struct maps_entry entry;
	struct maps maps;
	uint64_t shift;
	bool some;

	*found = (struct frame_mapping){
		.start = page, .end = page + PAGE_SIZE, .page_size = PAGE_SIZE};
	if (open_list(&maps, &addr, &shift))
		return;
	do
		some = maps_next(&maps, &entry);
	while (some && entry.end <= addr);
	if (some && addr >= entry.start)
		*found = (struct frame_mapping){
			.start = entry.start + shift,
			.end = entry.end + shift,
			.shared = entry.shared,
			.dev = entry.dev,
			.inode = entry.inode,
			.offset = entry.offset,
			.page_size = page_size_of(entry.dev),
		};
	maps_close(&maps);
}

static const struct frame_mapping *mapping_of(struct frame_cursor *cursor, uint64_t addr)
{
	if (addr < cursor->mapping.start || addr >= cursor->mapping.end)
		find_mapping(addr, &cursor->mapping);
	return &cursor->mapping;
}

/* ---- frames ---- */

struct frame frame_of(struct frame_cursor *cursor, uint64_t addr)
{
	const struct frame_mapping *mapping = mapping_of(cursor, addr);

	if (!mapping->shared)
		return (struct frame){.page = addr >> PAGE_SHIFT};
	return (struct frame){
		.dev = mapping->dev,
		.inode = mapping->inode,
		.page = (addr - mapping->start + mapping->offset) >> PAGE_SHIFT,
	};
}

bool frame_equal(struct frame a, struct frame b)
{
	return a.dev == b.dev && a.inode == b.inode && a.page == b.page;
}

bool frame_is_huge(struct frame_cursor *cursor, uint64_t addr)
{
	return mapping_of(cursor, addr)->page_size != PAGE_SIZE;
}

uint64_t frame_extent(struct frame_cursor *cursor, uint64_t addr, uint64_t len)
{
	uint64_t size;

	/* Within one ordinary page it does not matter how large the frame is. */
	if (len <= PAGE_SIZE - (addr & PAGE_MASK))
		return len;
	size = mapping_of(cursor, addr)->page_size;
	return min_u64(len, size - (addr & (size - 1)));
}

uint64_t frame_span(struct frame_cursor *cursor, uint64_t addr, uint64_t len)
{
	return min_u64(len, mapping_of(cursor, addr)->end - addr);
}

void frame_visit_pinned(struct mem_source *source,
			void (*visit)(uint64_t bus, uint64_t len, void *arg), void *arg)
{
	const uint64_t end = source_pages(source).count;
	struct pins_extent extent;

	for (uint64_t page = 0; page < end; page += extent.pages.count) {
		uint64_t byte = page << PAGE_SHIFT, stop, bus, len;
		bool pinned;

		source_lock(source);
		extent = pins_extent_at(&source->parts, page, end);
		pinned = source->whole || extent.users;
		source_unlock(source);
		stop = (page + extent.pages.count) << PAGE_SHIFT;
		for (; pinned && byte < stop; byte += len) {
			mem_source_extent(source, byte, stop - byte, &bus, &len);
			visit(bus, len, arg);
		}
	}
}
