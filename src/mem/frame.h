/* SPDX-License-Identifier: MIT */
/*
 * Frames: what memory hardware would see behind an address of this process, or of another one
 * (mem/process_memory.h). Two addresses lead to
 * one frame if they are the same page of a shared file, or one address of private memory. A huge
 * page is one contiguous frame; ordinary pages are never neighbours.
 *
 * For IOMMUs that must tell frames apart, and for tests. It reads the system's list of mappings, so
 * it is slow: O(mappings of the process) whenever a cursor leaves its mapping. Only the extent of
 * what is inside one ordinary page needs no list.
 */
#ifndef MEM_FRAME_H
#define MEM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

struct mem_source;

/* A mapping, [@start, @end) on the bus, and what it maps. */
struct frame_mapping {
	uint64_t start, end;
	bool shared;
	uint64_t dev, inode, offset; /* of a file; the offset is that of @start */
	uint64_t page_size;
};

/*
 * Remembers the mapping of the latest question. Starts zeroed; valid as long as no memory is
 * remapped.
 */
struct frame_cursor {
	struct frame_mapping mapping;
};

/* The identity of a page of PAGE_SIZE. */
struct frame {
	uint64_t dev, inode; /* 0, 0: private memory */
	uint64_t page;	     /* of the file, or of the address space */
};

struct frame frame_of(struct frame_cursor *cursor, uint64_t addr);
bool frame_equal(struct frame a, struct frame b);

/* True if the memory at @addr is a huge page, or a part of one. */
bool frame_is_huge(struct frame_cursor *cursor, uint64_t addr);

/* How many bytes from @addr on, at most @len (not 0), are in one frame. */
uint64_t frame_extent(struct frame_cursor *cursor, uint64_t addr, uint64_t len);

/*
 * How many bytes from @addr on, at most @len (not 0), are in one mapping: their frames are numbered
 * one after the other.
 */
uint64_t frame_span(struct frame_cursor *cursor, uint64_t addr, uint64_t len);

/*
 * Calls @visit for each contiguous piece of the pinned memory of @source. Pins may come and go
 * meanwhile.
 */
void frame_visit_pinned(struct mem_source *source,
			void (*visit)(uint64_t bus, uint64_t len, void *arg), void *arg);

#endif
