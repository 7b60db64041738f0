/* SPDX-License-Identifier: MIT */
/*
 * A displacement: pages of the program's memory that are pinned and must move, and what the files
 * of mem/ that move them offer each other. One is in progress at a time, under displace_lock.
 */
#ifndef MEM_DISPLACE_INTERNAL_H
#define MEM_DISPLACE_INTERNAL_H

#include "base/lock.h"
#include "mem/displace.h"

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
};

struct displacement {
	uint64_t first, end; /* the range, in pages */
	bool keep;
	struct mem_source **sources; /* in the range; a reference of each */
	struct displace_moved
		*victims; /* the same sources, and the hull of their pages that move (or count 0) */
	size_t victim_count;
	struct segment *segments;
	size_t segment_count, segment_capacity;
	struct stretch *stretches;
	size_t stretch_count, placed, moved; /* stretches: all; with addresses; that have moved */
};

extern struct lock displace_lock;

/* ---- displace_list.c: what has to move ---- */

/* The pages that [@va, @va + @len) touches, as [*@first, *@end). False: none. */
bool displace_touched(uint64_t va, uint64_t len, uint64_t *first, uint64_t *end);

/* Finds the sources that may have pinned pages in the range. 0 or -ENOMEM. */
int displace_find_victims(struct displacement *d) REQUIRES(displace_lock);

/*
 * Lists the segments, and makes boundaries for them in the sources, all of which are locked. 0 or
 * -ENOMEM; displace_unlist() removes the boundaries that are not needed, in both cases.
 */
int displace_list(struct displacement *d);
void displace_unlist(const struct displacement *d);

/* @segment's pages, as the source counts them. */
static inline struct mem_pages segment_pages(const struct segment *segment)
{
	return (struct mem_pages){.first = segment->page, .count = segment->end - segment->first};
}

/* Asserts that all sources of @d are locked. */
void displace_assert_locked(const struct displacement *d);

/* Frees what @d has, and its references. */
void displace_destroy(struct displacement *d);

/* ---- displace.c: the frame of each displacement ---- */

/*
 * Stops DMA and locks the sources; unlocks them, tells the users what has moved (@moved), and lets
 * DMA go on.
 */
void displace_begin(const struct displacement *d) REQUIRES(displace_lock);
void displace_end(const struct displacement *d, bool moved) REQUIRES(displace_lock);

/* displace_range(), under the lock. */
int displace_range_locked(uint64_t va, uint64_t len, enum displace_cause cause, bool keep)
	REQUIRES(displace_lock);

#endif
