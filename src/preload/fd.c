/* SPDX-License-Identifier: MIT */
/*
 * What happens to descriptor numbers: closing and duplicating.
 *
 * A number leaves the table before the kernel frees it, and enters it after the kernel has given it
 * out, so that another thread that gets the same number next never finds the old file behind it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "preload/engine.h"
#include "preload/fd.h"
#include "preload/real.h"

/* <linux/close_range.h> of a newer system. */
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2u
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif

int close_range(unsigned int first, unsigned int last, int flags);
void closefrom(int first);

/* Takes @fd out of the table: what it stood for, or NULL. */
static struct description *take(int fd)
{
	if (fdtable_hint(fd) != PATH_HINT_NONE && preload_own_process())
		fdtable_set_hint(fd, PATH_HINT_NONE);
	if (!fdtable_has(fd) || !preload_own_process())
		return NULL;
	return fdtable_exchange(fd, NULL);
}

void fd_opened(int fd, enum path_hint hint)
{
	struct description *stale;

	if (fdtable_hint(fd) != hint && preload_own_process())
		fdtable_set_hint(fd, hint);
	if (!fdtable_has(fd))
		return;
	stale = take(fd);
	if (stale)
		engine_release(stale);
}

EXPORT int close(int fd)
{
	struct description *gone = take(fd);
	int rc = REAL(close)(fd);

	if (gone)
		engine_release(gone);
	return rc;
}

EXPORT int fclose(FILE *stream)
{
	int saved = errno;
	int fd = fileno(stream);
	struct description *gone;
	int rc;

	errno = saved; /* a stream without a descriptor is no error */
	gone = fd >= 0 ? take(fd) : NULL;
	rc = REAL(fclose)(stream);
	if (gone)
		engine_release(gone);
	return rc;
}

/* @to is a new duplicate of @from. @to, or a negative errno with @to closed. */
static int duplicated(int from, int to)
{
	struct description *desc;

	fd_opened(to, fdtable_hint(from));
	if (!fdtable_has(from) || !preload_own_process())
		return to;
	desc = fdtable_get(from);
	if (!desc)
		return to;
	if (!fdtable_room(to)) {
		SYS(SYS_close, to);
		engine_release(desc);
		return -EMFILE;
	}
	fdtable_exchange(to, desc);
	return to;
}

EXPORT int dup(int fd)
{
	int to = (int)SYS(SYS_dup, fd);

	return (int)libc_result(to < 0 ? to : duplicated(fd, to));
}

EXPORT int dup3(int from, int to, int flags)
{
	const enum path_hint hint = fdtable_hint(to);
	struct description *gone = take(to);
	int rc = (int)SYS(SYS_dup3, from, to, flags);

	if (rc >= 0) {
		rc = duplicated(from, to);
	} else { /* @to is still what it was */
		fdtable_set_hint(to, hint);
		if (gone)
			gone = fdtable_exchange(to, gone);
	}
	if (gone)
		engine_release(gone);
	return (int)libc_result(rc);
}

EXPORT int dup2(int from, int to)
{
	if (from == to) /* changes nothing, but @from must be open */
		return (int)libc_result(SYS(SYS_fcntl, from, F_GETFD)) < 0 ? -1 : to;
	return dup3(from, to, 0);
}

EXPORT int fcntl(int fd, int cmd, ...)
{
	va_list args;
	void *arg;
	int rc;

	va_start(args, cmd);
	arg = va_arg(args, void *);
	va_end(args);

	rc = REAL(fcntl)(fd, cmd, arg);
	if (rc >= 0 && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC))
		rc = (int)libc_result(duplicated(fd, rc));
	return rc;
}

EXPORT_ALIAS(fcntl64, fcntl);

static void close_emulated(unsigned int first, unsigned int last)
{
	int fd;

	if (fdtable_next(first, last) < 0 || !preload_own_process())
		return;
	while ((fd = fdtable_next(first, last)) >= 0)
		close(fd);
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	/* With its own copy of the descriptors, the thread closes nothing for the others. */
	if (!((unsigned int)flags & (CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE)) && first <= last)
		close_emulated(first, last);
	return (int)libc_result(SYS(SYS_close_range, first, last, flags));
}

EXPORT void closefrom(int first)
{
	close_range(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
}
