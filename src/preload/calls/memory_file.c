/* SPDX-License-Identifier: MIT */
/*
 * The calls by which pages leave a file. What is pinned of them is copied aside, and devices go on
 * with the copies (mem/displace.h).
 */
#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/syscall.h>

#include "base/check.h"
#include "base/sys.h"
#include "mem/displace.h"
#include "mem/self.h"
#include "preload/calls/memory.h"
#include "preload/engine/call.h"
#include "preload/start/real.h"

/* A call that changes a file. */
struct request {
	long number;
	long a, b, c, d;
};

static long make(void *arg)
{
	const struct request *request = arg;

	return SYS(request->number, request->a, request->b, request->c, request->d);
}

/* Whether the call may concern pinned pages at all. */
static bool is_of_interest(void)
{
	return !engine_busy() && displace_possible();
}

/*
 * Makes @request, by which pages leave the file of @st: whole pages (of @page bytes) of
 * [@from, @to) of it. @copies: those in private mappings, too.
 */
static long change_file(struct request *request, const struct stat *st, uint64_t page,
			uint64_t from, uint64_t to, bool copies)
{
	struct displace_file file = {
		.dev = st->st_dev,
		.ino = st->st_ino,
		.end = align_down(to, page) >> PAGE_SHIFT,
		.copies = copies,
	};
	struct engine_call call;
	uint64_t first;
	long rc;

	if (check_align_up(from, page, &first))
		return make(request);
	file.first = first >> PAGE_SHIFT;
	engine_enter(&call);
	rc = displace_file(&file, make, request);
	engine_leave(&call);
	return rc;
}

/* The size of the pages of a file on @fs. */
static uint64_t page_size(const struct statfs *fs)
{
	return fs->f_type == HUGETLBFS_MAGIC ? (uint64_t)fs->f_bsize : PAGE_SIZE;
}

/* Makes @request, which gives the file of @st, on @fs, the length @len. */
static long shorten(struct request *request, const struct stat *st, const struct statfs *fs,
		    long len)
{
	if (!S_ISREG(st->st_mode) || len < 0 || len >= st->st_size)
		return make(request);
	return change_file(request, st, page_size(fs), (uint64_t)len, INT64_MAX, true);
}

long memory_ftruncate(long fd, long len)
{
	struct request request = {.number = SYS_ftruncate, .a = fd, .b = len};
	struct statfs fs;
	struct stat st;

	if (!is_of_interest() || SYS(SYS_fstat, fd, &st) || SYS(SYS_fstatfs, fd, &fs))
		return make(&request);
	return shorten(&request, &st, &fs, len);
}

long memory_truncate(long path, long len)
{
	struct request request = {.number = SYS_truncate, .a = path, .b = len};
	struct statfs fs;
	struct stat st;

	if (!is_of_interest() || SYS(SYS_newfstatat, AT_FDCWD, path, &st, 0) ||
	    SYS(SYS_statfs, path, &fs))
		return make(&request);
	return shorten(&request, &st, &fs, len);
}

long memory_fallocate(long fd, long mode, long offset, long len)
{
	const long to_the_end = FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;
	const long any = to_the_end | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	struct request request = {
		.number = SYS_fallocate, .a = fd, .b = mode, .c = offset, .d = len};
	struct statfs fs;
	struct stat st;
	uint64_t last;

	if (!(mode & any) || !is_of_interest() || offset < 0 || len <= 0 ||
	    SYS(SYS_fstat, fd, &st) || SYS(SYS_fstatfs, fd, &fs))
		return make(&request);
	if (mode & to_the_end || check_last((uint64_t)offset, (uint64_t)len, &last))
		last = INT64_MAX;
	return change_file(&request, &st, page_size(&fs), (uint64_t)offset, last + 1,
			   mode & to_the_end && displace_shift_drops_copies((uint64_t)fs.f_type));
}

bool memory_may_leave(long dirfd, long path)
{
	struct stat st;

	return is_of_interest() && !SYS(SYS_newfstatat, dirfd, path, &st, 0) &&
	       S_ISREG(st.st_mode) && st.st_size;
}

/* Makes @request, an open with @flags by which the pages of the file may leave it. */
static long open_file(struct request *request, long flags)
{
	const long look = flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
	struct statfs fs = {.f_type = 0};
	struct stat st;

	if (!(flags & O_TRUNC) || !is_of_interest() ||
	    SYS(SYS_newfstatat, request->a, request->b, &st, look) || !st.st_size)
		return make(request);
	/* The size of its pages does not matter: all of them go. */
	return shorten(request, &st, &fs, 0);
}

long memory_openat(long dirfd, long path, long flags, long mode)
{
	struct request request = {
		.number = SYS_openat, .a = dirfd, .b = path, .c = flags, .d = mode};

	return open_file(&request, flags);
}

long memory_openat2(long dirfd, long path, long how, long size)
{
	struct request request = {
		.number = SYS_openat2, .a = dirfd, .b = path, .c = how, .d = size};
	uint64_t flags = 0; /* the first member of the structure */

	if (is_of_interest() && size >= (long)sizeof(flags) &&
	    self_read(&flags, (uint64_t)how, sizeof(flags)))
		flags = 0;
	return open_file(&request, (long)flags);
}
