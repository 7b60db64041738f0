/* SPDX-License-Identifier: MIT */
/*
 * Memory that the program takes away from under pinned pages (munmap, mmap with MAP_FIXED, a
 * shrinking mremap, MADV_DONTNEED, MADV_REMOVE, MADV_FREE, brk), or moves (mremap): the IOVA must
 * keep meaning the same pages.
 *
 * A transport that sees such a call coming calls displace_range() first, for a caller whose memory
 * is this process's own. Pinned pages in the range are moved aside (mremap keeps the very pages) to
 * addresses that the program does not know, and their users are told to redirect their tables. It
 * is legal, almost always a bug, and logged.
 *
 * What the program moves it keeps, and so does the device: displace_mremap() is the program's
 * mremap, after which the users are told where the pages are now.
 */
#ifndef MEM_DISPLACE_H
#define MEM_DISPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/source.h"

/* Called by such a transport before anything is mapped. Without it, nothing is ever displaced. */
void displace_enable(void);

/* Pages of a source that have moved, and perhaps others between them. */
struct displace_moved {
	const struct mem_source *source;
	struct mem_pages pages;
};

/*
 * Who is told that bus addresses have changed, to redirect the tables that lead there: once for
 * each displacement, with all @count sources, of which each is there once, in the order of their
 * addresses. Called with no lock held but the one that makes displacements wait for each other: it
 * must not wait for a thread that may displace memory. One for the process (the user API); set
 * before anything is pinned.
 */
typedef void (*displace_notify)(const struct displace_moved *moved, size_t count);
void displace_set_notify(displace_notify notify);

/* What of @source has moved, or NULL. O(log @count). */
const struct displace_moved *displace_find_moved(const struct displace_moved *moved, size_t count,
						 const struct mem_source *source);

enum displace_cause {
	DISPLACE_MUNMAP,
	DISPLACE_MREMAP,
	DISPLACE_MMAP_FIXED,
	DISPLACE_MADVISE,
};

/*
 * False if no source of this process has pinned pages in [@va, @va + @len): cheap, for the common
 * case. May be true when only other pages of a source in the range are pinned.
 */
bool displace_needed(uint64_t va, uint64_t len);

/*
 * Moves pinned pages of [@va, @va + @len) aside. @keep: the program's addresses stay mapped, empty
 * (MADV_DONTNEED); else they become unmapped. 0, or -ENOMEM, in which case nothing has moved
 * and the program's call should fail with ENOMEM. Memory that cannot be moved in part, a piece of a
 * huge page, gives -ENOMEM, too. The caller holds no lock of the engine.
 */
int displace_range(uint64_t va, uint64_t len, enum displace_cause cause, bool keep);

/*
 * mremap(2), for a caller whose memory is this process's own; pinned pages in a tail that it unmaps
 * have been displaced before. Pinned pages that move stay where the program has put them, and are
 * found there; pinned pages at a target of MREMAP_FIXED are moved aside. Returns the new address or
 * a negative errno: then nothing has moved, and the target is as it was. Context: holds no lock of
 * the engine.
 */
long displace_mremap(uint64_t old, uint64_t old_len, uint64_t new_len, int flags, uint64_t to);

/*
 * For DMA that races with a move. No page moves while a DMA is inside a gate: inside,
 * displace_in_progress() says whether one is being moved, and then the DMA must leave.
 * displace_generation() is read before entering: displace_settle() waits for a move in progress and
 * says whether one has happened since, so that what failed is worth repeating. Call it outside of
 * any gate and without locks.
 */
bool displace_in_progress(void);
uint64_t displace_generation(void);
bool displace_settle(uint64_t generation);

#endif
