/* SPDX-License-Identifier: MIT */
/*
 * Opening by path: descriptors and streams.
 *
 * A path that leads to a node opens the node; one of /proc may have an emulated file in its place;
 * any other is opened by the C library, and its descriptor's hint is recorded.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file_command.h"
#include "preload/calls/change.h"
#include "preload/calls/fd.h"
#include "preload/calls/memory.h"
#include "preload/calls/proc.h"
#include "preload/engine/call.h"
#include "preload/engine/nodes.h"
#include "preload/start/libc.h"
#include "preload/start/real.h"

/* Whether open() with @flags follows a link at the end of its path. */
static bool follows(int flags)
{
	return !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
}

/*
 * Whether open() with @flags of the emulated @at, which is no node, may go on with @at->path.
 * A new file is made in the shadow root. sysfs makes none, and opens a file for writing only if its
 * mode lets anyone write, even for root.
 */
static int check_emulated(struct path_at *at, int flags)
{
	const bool sysfs = strncmp(at->resolved, "/sys", 4) == 0;
	struct stat st;
	int rc;

	if (!at->shadow && (flags & O_CREAT)) {
		rc = change_check_create(at);
		if (rc == -EEXIST) /* in the real system only */
			return flags & O_EXCL ? rc : 0;
		if (!rc)
			at->path = at->text;
		return rc == -EPERM ? -EACCES : rc;
	}
	if (at->shadow && sysfs && (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH) &&
	    SYS(SYS_newfstatat, AT_FDCWD, at->path, &st, 0) == 0 && S_ISREG(st.st_mode) &&
	    !(st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)))
		return -EACCES;
	return 0;
}

/* The C library's openat(), or the system call where memory may go (calls/memory.h). */
static int open_real(const struct path_at *at, int flags, mode_t mode)
{
	if (!(flags & O_TRUNC))
		return REAL(openat)(at->dirfd, at->path, flags, mode);
	engine_cancellation_point();
	return (int)libc_result(memory_openat(at->dirfd, (long)at->path, flags, mode));
}

/* open() of @at, or -ENOENT: what the kernel says may change (path_again()). */
static int open_resolved(struct path_at *at, int flags, mode_t mode)
{
	int fd, rc;

	if (at->emulated && file_flags_are_impossible(flags))
		return (int)libc_result(-EINVAL);
	if (at->node.kind != NODE_NONE && !(flags & O_PATH))
		return (int)libc_result(nodes_open(at, flags));
	rc = at->emulated ? check_emulated(at, flags) : 0;
	if (rc)
		return (int)libc_result(rc);
	fd = proc_open(at->given, flags);
	if (fd >= 0)
		return fd;
	fd = open_real(at, flags, mode);
	if (fd >= 0 && (flags & O_DIRECTORY) && path_found_directory(at, fd)) {
		SYS(SYS_close, fd);
		fd = REAL(openat)(at->dirfd, at->path, flags, mode);
	}
	if (fd >= 0)
		fd_opened(fd, path_hint_of(at));
	return fd;
}

static int open_at(int dirfd, const char *path, int flags, mode_t mode)
{
	struct path_at at;

	if (flags & O_CREAT)
		path_resolve_links(&at, dirfd, path, follows(flags));
	else
		path_resolve(&at, dirfd, path, follows(flags));
	return PATH_CALL_REAL(&at, -1, open_resolved(&at, flags, mode));
}

/* The mode that a caller of open() passed if @flags ask for one. */
#define OPEN_MODE(flags, last)                         \
	({                                             \
		mode_t mode_ = 0;                      \
		if ((flags) & (O_CREAT | O_TMPFILE)) { \
			va_list args_;                 \
			va_start(args_, last);         \
			mode_ = va_arg(args_, mode_t); \
			va_end(args_);                 \
		}                                      \
		mode_;                                 \
	})

EXPORT int open(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, OPEN_MODE(flags, flags));
}

EXPORT int openat(int dirfd, const char *path, int flags, ...)
{
	return open_at(dirfd, path, flags, OPEN_MODE(flags, flags));
}

EXPORT int creat(const char *path, mode_t mode)
{
	return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

EXPORT int __open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

EXPORT int __openat_2(int dirfd, const char *path, int flags)
{
	return open_at(dirfd, path, flags, 0);
}

EXPORT_ALIAS(open64, open);
EXPORT_ALIAS(openat64, openat);
EXPORT_ALIAS(creat64, creat);
EXPORT_ALIAS(__open64_2, __open_2);
EXPORT_ALIAS(__openat64_2, __openat_2);

/* ---- streams ---- */

/* The flags of open() for @mode of fopen(). */
static int stream_flags(const char *mode)
{
	int flags = strchr(mode, '+') ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;

	if (mode[0] == 'w' || mode[0] == 'a')
		flags |= O_CREAT;
	return strchr(mode, 'e') ? flags | O_CLOEXEC : flags;
}

/* A stream of @fd, which is closed if there is none. */
static FILE *stream_of(int fd, const char *mode)
{
	FILE *stream = fdopen(fd, mode);

	if (!stream)
		close(fd);
	return stream;
}

static FILE *open_node_stream(const struct path_at *at, const char *mode)
{
	int fd;

	if (nodes_is_shown(at->node) && stream_flags(mode) == (stream_flags(mode) & O_CLOEXEC))
		return nodes_open_stream(at, mode);
	fd = (int)libc_result(nodes_open(at, stream_flags(mode)));
	return fd < 0 ? NULL : stream_of(fd, mode);
}

/*
 * What "w" takes away from the file @at is taken away now: the C library's own open() is not seen,
 * and then finds the file empty.
 */
static void empty_for_stream(const struct path_at *at, const char *mode)
{
	const int flags = (stream_flags(mode) & ~O_CREAT) | O_TRUNC | O_CLOEXEC;
	long fd;

	if (mode[0] != 'w' || strchr(mode, 'x') || !memory_may_leave(at->dirfd, (long)at->path))
		return;
	fd = memory_openat(at->dirfd, (long)at->path, flags, 0);
	if (fd >= 0)
		SYS(SYS_close, fd);
}

static FILE *fopen_resolved(struct path_at *at, const char *mode)
{
	const int flags = stream_flags(mode);
	FILE *stream;
	int fd;

	if (at->node.kind != NODE_NONE)
		return open_node_stream(at, mode);
	fd = at->emulated ? check_emulated(at, flags) : 0;
	if (libc_result(fd) < 0)
		return NULL;
	fd = proc_open(at->given, flags);
	if (fd >= 0)
		return stream_of(fd, mode);
	empty_for_stream(at, mode);
	stream = REAL(fopen)(at->path, mode);
	if (stream)
		fd_opened(fileno(stream), path_hint_of(at));
	return stream;
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	struct path_at at;

	if (stream_flags(mode) & O_CREAT)
		path_resolve_links(&at, AT_FDCWD, path, true);
	else
		path_resolve(&at, AT_FDCWD, path, true);
	return PATH_CALL_REAL(&at, NULL, fopen_resolved(&at, mode));
}

EXPORT FILE *freopen(const char *path, const char *mode, FILE *stream)
{
	struct path_at at;

	path_resolve(&at, AT_FDCWD, path, true);
	empty_for_stream(&at, mode);
	stream = REAL(freopen)(at.path, mode, stream);
	if (stream)
		fd_opened(fileno(stream), path_hint_of(&at));
	return stream;
}

EXPORT_ALIAS(fopen64, fopen);
EXPORT_ALIAS(freopen64, freopen);
