/* SPDX-License-Identifier: MIT */
/*
 * madvise(). Advice that drops pages takes them from the program only: what is pinned of them moves
 * aside (MADV_DONTNEED), stays (MADV_FREE, which drops no page that is in use), or is copied aside
 * (MADV_REMOVE, which makes a hole in a file).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/sys.h"
#include "mem/displace.h"
#include "mem/frame.h"
#include "mem/guard.h"
#include "mem/maps.h"
#include "preload/calls/memory.h"
#include "preload/engine/call.h"
#include "preload/start/real.h"
#include "vfio/bar_advice.h"

enum {
	PIECES_MAX = 1024 /* of process_madvise() */
};

/* A call of madvise() that may have gone on behind a hole, and then says -ENOMEM at the end. */
struct advice {
	uint64_t addr, len;
	long advice;
	bool hole;
};

static long give(uint64_t addr, uint64_t len, long advice)
{
	return SYS(SYS_madvise, addr, len, advice);
}

/* The result of @advice when all is done, whatever of it failed (@rc). */
static long result_of(const struct advice *advice, long rc)
{
	return rc < 0 ? rc : advice->hole ? -ENOMEM : 0;
}

/* What is mapped has been dropped also where a hole is reported. */
static long note_hole(struct advice *advice, long rc)
{
	advice->hole |= rc == -ENOMEM;
	return rc == -ENOMEM ? 0 : rc;
}

/* ---- pages that move aside ---- */

static long drop_all(void *arg)
{
	struct advice *advice = arg;

	return note_hole(advice, give(advice->addr, advice->len, advice->advice));
}

static long drop_whole(struct advice *advice)
{
	return displace_around(advice->addr, advice->len, DISPLACE_MADVISE, drop_all, advice);
}

/*
 * Whether the kernel refuses to drop pages of [@addr, @addr + @len): they are locked. Only the
 * kernel knows that. MADV_COLD, which has no effect that a program sees, is refused for the same
 * memory, and for huge pages.
 */
static bool may_be_locked(uint64_t addr, uint64_t len)
{
	/* Of no length it is refused only by a kernel that does not know it. */
	return give(addr, len, MADV_COLD) == -EINVAL && !give(addr, 0, MADV_COLD);
}

/* Of private huge pages (of @size bytes), whole ones alone are dropped. */
static long drop_huge(struct advice *piece, uint64_t size)
{
	const uint64_t end = align_down(piece->addr + piece->len, size);

	if (!is_aligned(piece->addr, size) || end <= piece->addr)
		return drop_all(piece);
	return displace_around(piece->addr, end - piece->addr, DISPLACE_MADVISE, drop_all, piece);
}

/* The kernel goes through the mappings in order, and stops where it refuses one. */
static long drop_mapping(const struct maps_entry *entry, struct advice *piece)
{
	struct frame_cursor cursor = {.mapping.end = 0};

	/* Pages of shared memory are not dropped. */
	if (entry->shared)
		return drop_all(piece);
	if (frame_is_huge(&cursor, entry->start))
		return drop_huge(piece, cursor.mapping.page_size);
	return may_be_locked(piece->addr, piece->len) ? drop_all(piece) : drop_whole(piece);
}

/* ---- pages that stay ---- */

/* Private memory has no second mapping. */
static bool is_shared(uint64_t addr)
{
	const long second = SYS(SYS_mremap, addr, 0, PAGE_SIZE, MREMAP_MAYMOVE);

	if (second < 0)
		return false;
	(void)SYS(SYS_munmap, second, PAGE_SIZE);
	return true;
}

static int refuse_copy(const struct maps_copy *copy, void *arg)
{
	(void)copy;
	(void)arg;
	return -EINVAL;
}

/* Whether the kernel frees pages there: of private memory that is neither a file's nor locked. */
static bool is_freeable(uint64_t addr, uint64_t len)
{
	return !is_shared(addr) && !may_be_locked(addr, len) &&
	       maps_visit_own_copies(addr, addr + len, refuse_copy, NULL) != -EINVAL;
}

static long free_piece(uint64_t addr, uint64_t len, bool pinned, void *arg)
{
	struct advice *advice = arg;

	if (!pinned)
		return note_hole(advice, give(addr, len, advice->advice));
	return is_freeable(addr, len) ? 0 : -EINVAL;
}

static long free_unpinned(struct advice *advice)
{
	return displace_by_piece(advice->addr, advice->len, free_piece, advice);
}

/* ---- pages that leave a file ---- */

/* Makes a hole where @entry is mapped, in the part of it that @piece is. */
static long remove_piece(const struct maps_entry *entry, struct advice *piece)
{
	const uint64_t offset = entry->offset + (piece->addr - entry->start);
	const struct displace_file file = {
		.dev = entry->dev,
		.ino = entry->inode,
		.first = offset >> PAGE_SHIFT,
		.end = (offset + piece->len) >> PAGE_SHIFT,
	};

	return entry->shared ? displace_file(&file, drop_all, piece) : drop_all(piece);
}

/* Calls @visit for the part of @advice in each mapping, in order, until it fails. */
static long by_mapping(struct advice *advice,
		       long (*visit)(const struct maps_entry *entry, struct advice *piece))
{
	const uint64_t end = advice->addr + advice->len;
	uint64_t at = advice->addr;
	struct maps_entry entry;
	struct maps maps;
	long rc = maps_open_kept(&maps);

	if (rc)
		return -ENOMEM;
	while (at < end && rc >= 0 && maps_next(&maps, &entry)) {
		struct advice piece = {.advice = advice->advice};

		if (entry.end <= at)
			continue;
		advice->hole |= entry.start > at;
		piece.addr = max_u64(entry.start, at);
		at = min_u64(entry.end, end);
		if (piece.addr >= at)
			break;
		piece.len = at - piece.addr;
		rc = visit(&entry, &piece);
		advice->hole |= piece.hole;
	}
	maps_close(&maps);
	advice->hole |= at < end;
	return rc;
}

/* ---- all ---- */

static bool drops_pages(long advice)
{
	return advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED ||
	       advice == MADV_GUARD_INSTALL || advice == MADV_FREE || advice == MADV_REMOVE;
}

static long advise_pinned(struct advice *advice)
{
	long rc;

	if (advice->advice == MADV_FREE)
		rc = free_unpinned(advice);
	else if (advice->advice == MADV_REMOVE)
		rc = by_mapping(advice, remove_piece);
	else if (advice->advice != MADV_DONTNEED_LOCKED && may_be_locked(advice->addr, advice->len))
		rc = by_mapping(advice, drop_mapping);
	else
		rc = drop_whole(advice);
	return result_of(advice, rc);
}

/* Whether pinned pages may be concerned. A hole in a file may be one of another mapping. */
static bool concerns_pinned(const struct advice *advice)
{
	return advice->advice == MADV_REMOVE ? displace_possible()
					     : memory_holds_pinned(advice->addr, advice->len);
}

/* Advice up to registers at @from, which refuse it. */
static long advise_below(const struct advice *advice, uint64_t from)
{
	long rc = from > advice->addr ? memory_madvise((long)advice->addr,
						       (long)(from - advice->addr), advice->advice)
				      : 0;

	return rc ? rc : bar_refuse_advice((int)advice->advice);
}

long memory_madvise(long addr, long len, long advice)
{
	struct advice all = {.addr = (uint64_t)addr, .len = (uint64_t)len, .advice = (int)advice};
	uint64_t last, from, to;
	struct engine_call call;
	long rc;

	if (bar_refuse_advice((int)advice) && !engine_busy() && is_aligned(all.addr, PAGE_SIZE) &&
	    memory_find_registers(all.addr, all.len, &from, &to))
		return advise_below(&all, from);
	if (!drops_pages(all.advice) || engine_busy() || !is_aligned(all.addr, PAGE_SIZE) ||
	    check_align_up(all.len, PAGE_SIZE, &all.len) || !all.len ||
	    check_last(all.addr, all.len, &last) || !concerns_pinned(&all))
		return SYS(SYS_madvise, addr, len, advice);
	engine_enter(&call);
	rc = advise_pinned(&all);
	engine_leave(&call);
	return rc;
}

/* ---- process_madvise() ---- */

/* Whether @pidfd, a descriptor or one of the kernel's constants, is of this process. */
static bool is_self(long pidfd)
{
	enum {
		SELF_THREAD = -10000,
		SELF_THREAD_GROUP = -10001
	};
	static const char field[] = "Pid:\t";
	char path[64], text[512];
	const char *line;
	ssize_t got;
	int fd;

	if (pidfd == SELF_THREAD || pidfd == SELF_THREAD_GROUP)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", (int)pidfd);
	fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = sys_read(fd, text, sizeof(text) - 1);
	(void)sys_close(fd);
	text[got > 0 ? got : 0] = '\0';
	line = strstr(text, field);
	return line && strtol(line + sizeof(field) - 1, NULL, 10) == getpid();
}

/* Piece by piece. Returns how many bytes have been advised, or why none was. */
static long advise_pieces(uint64_t vec, long count, long advice)
{
	long done = 0;

	for (long i = 0; i < count; i++) {
		struct iovec piece;
		long rc;

		if (guard_copy(&piece, (const struct iovec *)vec + i, sizeof(piece)))
			return done ? done : -EFAULT;
		rc = memory_madvise((long)piece.iov_base, (long)piece.iov_len, advice);
		if (rc < 0)
			return done ? done : rc;
		done += (long)piece.iov_len;
	}
	return done;
}

long memory_process_madvise(long pidfd, long vec, long count, long advice, long flags)
{
	/* Only the process itself may drop pages, and only where the kernel knows that. */
	if (drops_pages((int)advice) && !engine_busy() && displace_possible() && !flags &&
	    count >= 0 && count <= PIECES_MAX && is_self(pidfd) &&
	    SYS(SYS_process_madvise, pidfd, vec, 0, advice, 0) == 0)
		return advise_pieces((uint64_t)vec, count, (int)advice);
	return SYS(SYS_process_madvise, pidfd, vec, count, advice, flags);
}
