/* SPDX-License-Identifier: MIT */
/*
 * What happens to descriptor numbers: closing and duplicating.
 *
 * A number leaves the table before the kernel frees it, and enters it after the kernel has returned
 * it, so that another thread that gets the same number next never finds the old file behind it.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "preload/calls/fd.h"
#include "preload/calls/listing.h"
#include "preload/engine/call.h"
#include "preload/engine/nodes.h"
#include "preload/start/libc.h"
#include "preload/start/real.h"

/* Missing in older headers. */
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2u
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif

#ifdef __GLIBC__
#define STREAM_FAILED 0x20 /* in a stream's flags */
#else
void __fseterr(FILE *stream);
#endif

/* Has ferror() say that the stream has failed. */
static void set_stream_failed(FILE *stream)
{
#ifdef __GLIBC__
	stream->_flags |= STREAM_FAILED;
#else
	__fseterr(stream);
#endif
}

/* Whether @fd is emulated, and this process may change that. */
static bool is_tracked(int fd)
{
	return fdtable_has(fd) && preload_tracks_process();
}

/* Whether @fd is a number that the engine keeps for itself: the program has not opened it. */
static bool is_kept(int fd)
{
	return sys_is_kept(fd) && preload_tracks_process();
}

static void forget_hint(int fd)
{
	if (fdtable_hint(fd) == PATH_HINT_NONE || !preload_tracks_hints())
		return;
	listing_forget(fd);
	fdtable_set_hint(fd, PATH_HINT_NONE);
}

/*
 * Takes @fd out of the table. Returns what it stood for, a reference that the caller owns, or NULL.
 * An emulated @fd is taken inside the engine, as a signal handler could jump out with the
 * reference.
 */
static struct description *take(int fd)
{
	assert(engine_busy());
	forget_hint(fd);
	if (!is_tracked(fd))
		return NULL;
	return fdtable_exchange(fd, NULL);
}

static void leave_with(const struct engine_call *call, struct description *gone)
{
	if (gone)
		description_put(gone);
	engine_leave(call);
}

void fd_opened(int fd, enum path_hint hint)
{
	struct engine_call call;

	if (fdtable_hint(fd) != hint && preload_tracks_hints())
		fdtable_set_hint(fd, hint);
	if (!fdtable_has(fd))
		return;
	engine_enter(&call);
	leave_with(&call, take(fd));
}

/* Other descriptors are closed by the C library's close(), which is a cancellation point. */
EXPORT int close(int fd)
{
	struct description *gone;
	struct engine_call call;
	long rc;

	if (!is_tracked(fd)) {
		if (is_kept(fd))
			return (int)libc_result(-EBADF);
		forget_hint(fd);
		return REAL(close)(fd);
	}
	engine_cancellation_point();
	engine_enter(&call);
	forget_hint(fd);
	/* A call of another thread must not find the placeholder. */
	gone = fdtable_close_begin(fd);
	rc = SYS(SYS_close, fd);
	fdtable_close_end(fd);
	leave_with(&call, gone);
	return (int)libc_result(rc);
}

/*
 * The C library writes what a stream holds to the placeholder of its descriptor; then it is carried
 * out, and may fail.
 */
EXPORT int fflush(FILE *stream)
{
	const int saved = errno;
	const int fd = stream ? fileno(stream) : -1;
	struct description *desc;
	struct engine_call call;
	int rc, late;

	errno = saved;
	rc = REAL(fflush)(stream);
	if (rc || !fdtable_has(fd))
		return rc;
	desc = engine_enter_fd(&call, fd);
	if (!desc)
		return rc;
	late = nodes_flush(desc);
	engine_leave_fd(&call, desc);
	if (!late)
		return 0;
	set_stream_failed(stream);
	return (int)libc_result(late);
}

EXPORT int fclose(FILE *stream)
{
	const int saved = errno;
	const int fd = fileno(stream);
	struct description *gone;
	struct engine_call call;
	int rc, late, error;

	errno = saved; /* fileno() fails for a stream without a descriptor, which is no error */
	if (!is_tracked(fd)) {
		forget_hint(fd);
		return REAL(fclose)(stream);
	}
	engine_enter(&call);
	gone = take(fd);
	rc = REAL(fclose)(stream);
	error = errno;
	late = gone ? nodes_flush(gone) : 0;
	leave_with(&call, gone);
	if (!rc && late)
		return (int)libc_result(late);
	if (rc)
		errno = error;
	return rc;
}

/*
 * Records that @to is a new duplicate of @from. Returns @to, or a negative errno with @to closed.
 */
static int duplicated(int from, int to)
{
	struct description *desc;

	fd_opened(to, fdtable_hint(from));
	if (!is_tracked(from))
		return to;
	desc = fdtable_get(from);
	if (!desc)
		return to;
	if (!fdtable_reserve(to)) {
		SYS(SYS_close, to);
		engine_release(desc);
		return -EMFILE;
	}
	fdtable_exchange(to, desc);
	return to;
}

/* Duplicates @from by the system call @number (dup, fcntl). */
static int duplicate(long number, int from, int cmd, long arg)
{
	const bool tracked = is_tracked(from);
	struct engine_call call;
	int to;

	if (tracked)
		engine_enter(&call);
	to = (int)SYS(number, from, cmd, arg);
	if (to >= 0)
		to = duplicated(from, to);
	if (tracked)
		engine_leave(&call);
	return (int)libc_result(to);
}

EXPORT int dup(int fd)
{
	return duplicate(SYS_dup, fd, 0, 0);
}

EXPORT int dup3(int from, int to, int flags)
{
	const enum path_hint hint = fdtable_hint(to);
	const bool tracked = is_tracked(from) || is_tracked(to);
	struct description *gone = NULL;
	struct engine_call call;
	int rc;

	/* As in a race with another thread's open(): dup2(2). It is what silent damage is not. */
	if (is_kept(to))
		return (int)libc_result(-EBUSY);
	if (tracked) {
		engine_enter(&call);
		gone = take(to);
	} else {
		forget_hint(to);
	}
	rc = (int)SYS(SYS_dup3, from, to, flags);
	if (rc >= 0) {
		rc = duplicated(from, to);
	} else { /* the kernel has not closed @to */
		fdtable_set_hint(to, hint);
		if (gone)
			gone = fdtable_exchange(to, gone);
	}
	if (gone)
		engine_release(gone);
	if (tracked)
		engine_leave(&call);
	return (int)libc_result(rc);
}

EXPORT int dup2(int from, int to)
{
	if (from == to) /* nothing changes, and @from must be open */
		return (int)libc_result(SYS(SYS_fcntl, from, F_GETFD)) < 0 ? -1 : to;
	return dup3(from, to, 0);
}

/* What the memory file behind an emulated descriptor can do, and no character device. */
static bool is_of_memory(int cmd, long arg)
{
	return cmd == F_ADD_SEALS || cmd == F_GET_SEALS || cmd == F_SETLEASE ||
	       (cmd == F_SETFL && arg & O_DIRECT);
}

EXPORT int fcntl(int fd, int cmd, ...)
{
	va_list args;
	void *arg;

	va_start(args, cmd);
	arg = va_arg(args, void *);
	va_end(args);

	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return duplicate(SYS_fcntl, fd, cmd, (long)arg);
	if (fdtable_has(fd) && is_of_memory(cmd, (long)arg))
		return (int)libc_result(-EINVAL);
	return REAL(fcntl)(fd, cmd, arg);
}

EXPORT_ALIAS(fcntl64, fcntl);

static void close_emulated(unsigned int first, unsigned int last)
{
	int fd;

	if (fdtable_next(first, last) < 0 || !preload_tracks_process())
		return;
	while ((fd = fdtable_next(first, last)) >= 0)
		close(fd);
}

/* close_range() of the kernel, without the numbers that the engine keeps. */
static long close_others(unsigned int first, unsigned int last, int flags)
{
	int kept = preload_tracks_process() ? sys_next_kept(first, last) : -1;
	long rc = 0;

	if (kept < 0 || (unsigned int)flags & CLOSE_RANGE_CLOEXEC)
		return SYS(SYS_close_range, first, last, flags);
	if ((unsigned int)flags & CLOSE_RANGE_UNSHARE)
		rc = SYS(SYS_unshare, CLONE_FILES);
	flags &= ~(int)CLOSE_RANGE_UNSHARE;
	for (; !rc && kept >= 0; kept = sys_next_kept(first, last)) {
		if (first < (unsigned int)kept)
			rc = SYS(SYS_close_range, first, kept - 1, flags);
		first = (unsigned int)kept + 1;
	}
	if (!rc && first <= last)
		rc = SYS(SYS_close_range, first, last, flags);
	return rc;
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	/* With CLOSE_RANGE_UNSHARE the thread closes descriptors of its own copy of the table. */
	if (!((unsigned int)flags & (CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE)) && first <= last)
		close_emulated(first, last);
	return (int)libc_result(close_others(first, last, flags));
}

EXPORT void closefrom(int first)
{
	close_range(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
}
