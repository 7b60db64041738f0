/* SPDX-License-Identifier: MIT */
/* Functions that only need the path that the program means. */
#include "preload/process/path.h"
#include "preload/start/real.h"

/*
 * Defines function @name with parameters @params, of which one is `path` and, with FUNCTION_AT, one
 * `dirfd`. It calls the C library's with the arguments after @follow, where `at` is what `path`
 * leads to.
 */
#define FUNCTION(type, name, params, follow, ...)                        \
	EXPORT type name params                                          \
	{                                                                \
		struct path_at at;                                       \
		path_resolve(&at, AT_FDCWD, path, follow);               \
		return PATH_CALL_REAL(&at, -1, REAL(name)(__VA_ARGS__)); \
	}

#define FUNCTION_AT(type, name, params, follow, ...)                                        \
	EXPORT type name params                                                             \
	{                                                                                   \
		struct path_at at;                                                          \
		path_resolve(&at, dirfd, path, follow);                                     \
		return PATH_CALL_REAL(&at, -1, REAL(name)(at.dirfd, at.path, __VA_ARGS__)); \
	}

FUNCTION(int, access, (const char *path, int mode), true, at.path, mode)
FUNCTION(int, eaccess, (const char *path, int mode), true, at.path, mode)
FUNCTION(int, euidaccess, (const char *path, int mode), true, at.path, mode)
FUNCTION_AT(int, faccessat, (int dirfd, const char *path, int mode, int flags),
	    !(flags & AT_SYMLINK_NOFOLLOW), mode, flags)

FUNCTION(int, statvfs, (const char *path, struct statvfs *buf), true, at.path, buf)
FUNCTION(long, pathconf, (const char *path, int name), true, at.path, name)
EXPORT_ALIAS(statvfs64, statvfs);

FUNCTION(int, chmod, (const char *path, mode_t mode), true, at.path, mode)
FUNCTION_AT(int, fchmodat, (int dirfd, const char *path, mode_t mode, int flags),
	    !(flags & AT_SYMLINK_NOFOLLOW), mode, flags)
FUNCTION(int, chown, (const char *path, uid_t uid, gid_t gid), true, at.path, uid, gid)
FUNCTION(int, lchown, (const char *path, uid_t uid, gid_t gid), false, at.path, uid, gid)
FUNCTION_AT(int, fchownat, (int dirfd, const char *path, uid_t uid, gid_t gid, int flags),
	    !(flags & AT_SYMLINK_NOFOLLOW), uid, gid, flags)
FUNCTION_AT(int, utimensat,
	    (int dirfd, const char *path, const struct timespec times[2], int flags),
	    !(flags & AT_SYMLINK_NOFOLLOW), times, flags)
FUNCTION(int, utimes, (const char *path, const struct timeval times[2]), true, at.path, times)
FUNCTION(int, utime, (const char *path, const struct utimbuf *times), true, at.path, times)

FUNCTION(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t size), true,
	 at.path, name, value, size)
FUNCTION(ssize_t, lgetxattr, (const char *path, const char *name, void *value, size_t size), false,
	 at.path, name, value, size)
FUNCTION(ssize_t, listxattr, (const char *path, char *list, size_t size), true, at.path, list, size)
FUNCTION(ssize_t, llistxattr, (const char *path, char *list, size_t size), false, at.path, list,
	 size)

FUNCTION(int, inotify_add_watch, (int fd, const char *path, uint32_t mask),
	 !(mask & IN_DONT_FOLLOW), fd, at.path, mask)
