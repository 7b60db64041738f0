/* SPDX-License-Identifier: MIT */
/*
 * Displacement: the program takes memory away in which pages are pinned (munmap, mmap with
 * MAP_FIXED, a shrinking mremap, MADV_DONTNEED, MADV_REMOVE, MADV_FREE), or moves it (mremap). The
 * IOVA must keep meaning the same pages.
 *
 * A transport that sees such a call calls displace_range() before it, for a caller whose memory is
 * this process's own. The pinned pages in the range move aside (mremap keeps the very pages) to
 * addresses that the program does not know (mem/aside.h), and the user API redirects its tables.
 * Such a call is legal, but almost always a bug, so it is logged.
 *
 * Pages that the program moves stay its own, and the device's: displace_mremap() is the program's
 * mremap, after which the user API learns where the pages are now.
 */
#ifndef MEM_DISPLACE_H
#define MEM_DISPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/source.h"

struct process_memory;

/* Such a transport calls this before anything is mapped. Without it nothing is ever displaced. */
void displace_enable(void);

/* The program locks memory by itself (mlock(2)): what moves aside is not its locked memory. */
void displace_note_locking(void);

/* Pages of a source that have moved, and perhaps others between them. */
struct displace_moved {
	const struct mem_source *source;
	struct mem_pages pages;
};

/*
 * Sets the function that redirects tables when bus addresses have changed: one for the process (the
 * user API), set before anything is pinned. It is called once for each displacement, with all
 * @count sources, each of them once, ordered by their addresses. Only LOCK_DISPLACING is held,
 * which serialises displacements, so it must not wait for a thread that may displace memory.
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
	DISPLACE_BRK,
	DISPLACE_SHMAT,
	DISPLACE_SHMDT,
	DISPLACE_REMAP_FILE_PAGES,
};

/*
 * False if no source of this process has pinned pages in [@va, @va + @len): the common case, and
 * cheap. May be true if only other pages of a source in the range are pinned.
 */
bool displace_needed(uint64_t va, uint64_t len);

/*
 * Moves the pinned pages of [@va, @va + @len) aside. @keep: the program's addresses stay mapped,
 * but empty (MADV_DONTNEED); otherwise they become unmapped. 0, or -ENOMEM (also for a part of a
 * huge page, which cannot move): nothing has moved, and the program's call should fail with ENOMEM.
 * Context: holds no lock of the engine.
 */
int displace_range(uint64_t va, uint64_t len, enum displace_cause cause, bool keep);

/*
 * Makes @call, a system call of the program that takes [@va, @va + @len) away or drops the pages
 * there, with the pinned pages moved aside around it: if it fails, they are back where they were.
 * Returns the result of @call, or -ENOMEM, without having made it. Context: holds no lock of the
 * engine.
 */
typedef long (*displace_call)(void *arg);
long displace_around(uint64_t va, uint64_t len, enum displace_cause cause, displace_call call,
		     void *arg);

/*
 * Calls @piece for the parts of [@va, @va + @len), whole pages, in order: those that are pinned in
 * the program's memory there, and those that are not. Nothing is pinned or unpinned meanwhile. Ends
 * with the first negative result of @piece, and returns it; else 0. -ENOMEM: @piece may not have
 * been called. Context: holds no lock of the engine.
 */
typedef long (*displace_piece)(uint64_t va, uint64_t len, bool pinned, void *arg);
long displace_by_piece(uint64_t va, uint64_t len, displace_piece piece, void *arg);

/*
 * Pages [@first, @end) of the file @ino of @dev are about to leave it: a truncation, a hole. Its
 * mappings get new pages, and none beyond its end. @copies: the program's own copies of them, in
 * private mappings, go as well.
 */
struct displace_file {
	uint64_t dev, ino;
	uint64_t first, end;
	bool copies;
};

/*
 * Whether a file system of the type @type (statfs(2)) drops the copies as well when a part is taken
 * out of a file or put into it, so that the rest moves (FALLOC_FL_COLLAPSE_RANGE, INSERT_RANGE).
 */
bool displace_shift_drops_copies(uint64_t type);

/*
 * Makes @call, which takes the pages of @file away, with what is pinned of them copied aside: when
 * it has succeeded, devices go on with the copies, which are theirs alone. Returns its result, or
 * -ENOMEM, without having made it. Context: holds no lock of the engine.
 */
long displace_file(const struct displace_file *file, displace_call call, void *arg);

/*
 * The system has given [@va, @va + @len), which were free, to the program. If pages are pinned
 * there, their memory is gone by a call that was not seen: devices are cut off from it. Context:
 * holds no lock of the engine.
 */
void displace_lost(uint64_t va, uint64_t len);

/* Whether anything of this process is mapped for a device. A few loads. */
bool displace_possible(void);

/*
 * mremap(2), for a caller whose memory is this process's own; pinned pages in a tail that it unmaps
 * have been displaced before. Pinned pages that move stay where the program has put them, and are
 * found there; pinned pages at a target of MREMAP_FIXED are moved aside. Returns the new address or
 * a negative errno: then nothing has moved, and the target is as it was. Context: holds no lock of
 * the engine.
 */
long displace_mremap(uint64_t old, uint64_t old_len, uint64_t new_len, int flags, uint64_t to);

/* Whether the system looks at the memory at all: else it refuses such an mremap() with EINVAL. */
bool displace_mremap_is_valid(uint64_t old, uint64_t old_len, uint64_t new_len, uint64_t flags,
			      uint64_t to);

/* Memory of another process, @memory of @caller, which is reached by its addresses. */
struct displace_remote {
	struct uiommufd_caller *caller;
	struct process_memory *memory;
};

/* displace_needed() for addresses of @caller, another process. */
bool displace_remote_needed(const struct uiommufd_caller *caller, uint64_t va, uint64_t len);

/*
 * displace_around() for addresses of @remote. While @call is made, DMA waits, and sources are
 * locked.
 */
long displace_remote_around(const struct displace_remote *remote, uint64_t va, uint64_t len,
			    enum displace_cause cause, displace_call call, void *arg);

/*
 * @call moves [@old, @old + @len) of @remote and returns the new address, or a negative errno: then
 * nothing has moved. Nothing is pinned where it goes.
 */
long displace_remote_mremap(const struct displace_remote *remote, uint64_t old, uint64_t len,
			    displace_call call, void *arg);

/*
 * For DMA that races with a move. No page moves while a DMA is inside a gate. Inside it,
 * displace_in_progress() says whether a move is waiting or under way, and then the DMA must leave.
 * Before it enters, the DMA reads displace_generation(). If it has failed, displace_settle() waits
 * for a move in progress and says whether there was one since then: if so, the DMA is repeated.
 * Context of displace_settle(): outside of all gates; holds no lock of rank LOCK_DISPLACING or
 * above.
 */
bool displace_in_progress(void);
uint64_t displace_generation(void);
bool displace_settle(uint64_t generation);

#endif
