/* SPDX-License-Identifier: MIT */
/*
 * A displacement: pages of the program's memory that are pinned and must move, and what the files
 * of mem/ that move them offer each other. One is in progress at a time, under displace_lock.
 */
#ifndef MEM_DISPLACE_INTERNAL_H
#define MEM_DISPLACE_INTERNAL_H

#include "base/lock.h"
#include "mem/displace.h"
#include "mem/index.h"

/* Pages of one source that move. In pages of the address space, or (displace_file.c) of a file. */
struct segment {
	struct mem_source *source;
	uint64_t first, end;
	uint64_t page; /* of the source, that is at @first */
	uint64_t from; /* where that page is now */
};

/* Segments that touch or overlap. */
struct stretch {
	uint64_t first, end;
	uint64_t aside; /* address */
	bool stays;	/* it cannot move: what is at @aside is a copy, or nothing */
	bool locked;	/* the program had locked it (mlock) */
};

struct displacement {
	const struct displace_remote *remote; /* of whose memory; NULL: this process's */
	uint64_t first, end;		      /* the range, in pages */
	bool keep;			      /* the addresses stay mapped */
	bool unmaps;			      /* but need not, where the system cannot do that */
	bool drops;			      /* the call leaves the mappings as they are */
	displace_call call; /* the program's call, made when the pages have moved; NULL: none */
	void *arg;
	struct source_list victims;   /* the sources in the range */
	struct displace_moved *hulls; /* for each the hull of its pages that move (or count 0) */
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

/* Makes the hulls, when all victims are known. 0 or -ENOMEM. */
int displace_make_hulls(struct displacement *d);

/* Adds @segment, of the victim that @hull is of. 0 or -ENOMEM. */
int displace_add_segment(struct displacement *d, struct displace_moved *hull,
			 struct segment segment);

/* Makes boundaries for all segments in their sources. 0 or -ENOMEM. */
int displace_cut(const struct displacement *d);

/* In the order of @first. */
void displace_sort_segments(struct displacement *d);

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
 * Joins the segments to stretches, and takes addresses for each. 0 or -ENOMEM: then
 * displace_release_stretches() gives back what has been taken.
 */
int displace_place(struct displacement *d);

/* Tells the sources that their segments are aside now. */
void displace_commit(struct displacement *d);

/* Ends the displacement's own hold on the addresses that it took. */
void displace_release_stretches(struct displacement *d);

/*
 * Stops DMA and locks the sources; unlocks them, tells the users what has moved (@moved), and lets
 * DMA go on.
 */
void displace_begin(const struct displacement *d) REQUIRES(displace_lock);
void displace_end(const struct displacement *d, bool moved) REQUIRES(displace_lock);

/* Logs that the call @what of the program has taken @d's pages out of [@from, @to]. */
void displace_report(const struct displacement *d, const char *what, uint64_t from, uint64_t to)
	REQUIRES(displace_lock);

/*
 * Makes the displacement @d of [@va, @va + @len). The result of its call, or a negative errno: then
 * nothing has moved.
 */
long displace_run(struct displacement *d, uint64_t va, uint64_t len, enum displace_cause cause)
	REQUIRES(displace_lock);

/* Gives the addresses that @stretch has taken memory of their own. 0 or -ENOMEM. */
int displace_make_memory(const struct stretch *stretch);

/* Copies a page to @to, of such memory. If it cannot be read, nothing is there. */
void displace_copy_page(uint64_t to, uint64_t from);

/* ---- displace_move.c ---- */

/*
 * Moves all stretches aside, or copies what cannot move. 0 or -ENOMEM: then displace_move_back()
 * brings back what has moved.
 */
int displace_move(struct displacement *d);
void displace_move_back(struct displacement *d);

/* What the program had locked there is locked again, as soon as it has memory. */
void displace_lock_again(const struct displacement *d);

/* ---- displace_remote.c ---- */

/*
 * Keeps the pages of each stretch, which are another process's, at the addresses that it has
 * taken. 0 or -ENOMEM.
 */
int displace_keep_remote(const struct displacement *d);

/* displace_range(), under the lock. */
int displace_range_locked(uint64_t va, uint64_t len, enum displace_cause cause, bool keep)
	REQUIRES(displace_lock);

#endif
