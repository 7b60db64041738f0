/* SPDX-License-Identifier: MIT */
/* Each request is that of the function of the same name, which replaces the C library's. */
#include "preload/calls/uring_names.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "preload/calls/openat2.h"
#include "preload/process/fdtable.h"
#include "preload/process/path.h"
#include "preload/start/real.h"

static bool leads(int dirfd, uint64_t path, bool follow)
{
	struct path_at at;

	path_resolve(&at, dirfd, (const char *)(uintptr_t)path, follow);
	return at.shadow || at.emulated || at.path != (const char *)(uintptr_t)path;
}

bool uring_names_concern(const struct uring_request *request)
{
	switch (request->opcode) {
	case URING_OPENAT:
		return leads(request->fd, request->addr, !(request->own_flags & O_NOFOLLOW));
	case URING_OPENAT2:
		return leads(request->fd, request->addr, true);
	case URING_STATX:
		return leads(request->fd, request->addr,
			     !(request->own_flags & AT_SYMLINK_NOFOLLOW));
	case URING_UNLINKAT:
	case URING_MKDIRAT:
		return leads(request->fd, request->addr, false);
	case URING_SYMLINKAT:
		return leads(request->fd, request->offset, false);
	case URING_RENAMEAT:
	case URING_LINKAT: /* the second directory is where the length is elsewhere */
		return leads(request->fd, request->addr, false) ||
		       leads((int)request->len, request->offset, false);
	case URING_SETXATTR:
	case URING_GETXATTR:
		return leads(AT_FDCWD, request->addr3, true);
	case URING_CLOSE:
		return request->slot == 0 && fdtable_has(request->fd);
	default:
		return false;
	}
}

/* As the C library's functions return it. */
static long call(const struct uring_request *request)
{
	void *const at = (void *)(uintptr_t)request->addr;
	void *const other = (void *)(uintptr_t)request->offset;
	const char *const named = (const char *)(uintptr_t)request->addr3;
	const int fd = request->fd, flags = (int)request->own_flags;

	switch (request->opcode) {
	case URING_OPENAT:
		return openat(fd, at, flags, (mode_t)request->len);
	case URING_OPENAT2:
		return call_openat2((const long[]){fd, (long)at, (long)other, request->len});
	case URING_STATX:
		return statx(fd, at, flags, request->len, other);
	case URING_UNLINKAT:
		return unlinkat(fd, at, flags);
	case URING_MKDIRAT:
		return mkdirat(fd, at, (mode_t)request->len);
	case URING_SYMLINKAT:
		return symlinkat(at, fd, other);
	case URING_RENAMEAT:
		return renameat2(fd, at, (int)request->len, other, request->own_flags);
	case URING_LINKAT:
		return linkat(fd, at, (int)request->len, other, flags);
	case URING_SETXATTR:
		return setxattr(named, at, other, request->len, flags);
	case URING_GETXATTR:
		return getxattr(named, at, other, request->len);
	default:
		return close(fd);
	}
}

/* The ring has no place for an emulated file among its own descriptors. */
static bool wants_slot(const struct uring_request *request)
{
	return (request->opcode == URING_OPENAT || request->opcode == URING_OPENAT2) &&
	       request->slot;
}

long uring_names_carry_out(const struct uring_request *request)
{
	const int saved = errno;
	long rc;

	if (wants_slot(request))
		return -EBADF;
	errno = 0;
	rc = call(request);
	if (rc == -1 && errno)
		rc = -errno;
	errno = saved;
	return rc;
}
