/* SPDX-License-Identifier: MIT */
/* Functions that only need the path that the program means. */
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ipc.h>
#include <sys/syscall.h>

#include "mem/guard.h"
#include "preload/engine/call.h"
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

FUNCTION(int, lutimes, (const char *path, const struct timeval times[2]), false, at.path, times)
FUNCTION_AT(int, futimesat, (int dirfd, const char *path, const struct timeval times[2]), true,
	    times)
FUNCTION(int, lchmod, (const char *path, mode_t mode), false, at.path, mode)

FUNCTION(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t size), true,
	 at.path, name, value, size)
FUNCTION(ssize_t, lgetxattr, (const char *path, const char *name, void *value, size_t size), false,
	 at.path, name, value, size)
FUNCTION(ssize_t, listxattr, (const char *path, char *list, size_t size), true, at.path, list, size)
FUNCTION(ssize_t, llistxattr, (const char *path, char *list, size_t size), false, at.path, list,
	 size)

FUNCTION(int, inotify_add_watch, (int fd, const char *path, uint32_t mask),
	 !(mask & IN_DONT_FOLLOW), fd, at.path, mask)

EXPORT int fanotify_mark(int fd, unsigned int flags, FANOTIFY_MASK mask, int dirfd,
			 const char *path)
{
	struct path_at at;

	path_resolve(&at, dirfd, path, !(flags & FAN_MARK_DONT_FOLLOW));
	return (int)libc_result(
		PATH_CALL(&at, SYS(SYS_fanotify_mark, fd, flags, mask, at.dirfd, at.path)));
}

/* What IPC takes from a file to name something. */
EXPORT key_t ftok(const char *path, int project)
{
	struct stat st;

	if (stat(path, &st))
		return -1;
	return (key_t)(((unsigned int)project & 0xff) << 24 |
		       ((unsigned int)st.st_dev & 0xff) << 16 | ((unsigned int)st.st_ino & 0xffff));
}

/* ---- what the file systems of emulated files cannot do ---- */

/* The result of a call that they do not carry out: @at, in the shadow root, has to be there. */
static long refused(const struct path_at *at)
{
	struct stat st;
	long rc = SYS(SYS_newfstatat, at->dirfd, at->path, &st, AT_SYMLINK_NOFOLLOW);

	return rc ? rc : -EOPNOTSUPP;
}

/* The same for a change of attribute @name; a user's are of regular files and directories only. */
static long attribute_refused(struct node node, const char *name)
{
	static const char of_user[] = "user.";
	char start[sizeof(of_user)] = "";

	if (guard_copy(start, name, sizeof(of_user) - 1))
		return -EFAULT;
	return path_is_device(node) && !strcmp(start, of_user) ? -EPERM : -EOPNOTSUPP;
}

static long attribute_refused_at(const struct path_at *at, const char *name)
{
	const long rc = refused(at);

	return rc == -EOPNOTSUPP ? attribute_refused(at->node, name) : rc;
}

/* The result of @call, a system call with @at, unless that leads into the shadow root. */
#define UNLESS_EMULATED(at, call) \
	((int)libc_result(PATH_CALL(at, (at)->shadow ? refused(at) : (call))))

static int set_attribute(long number, const char *path, bool follow, const char *name,
			 const void *value, size_t size, int flags)
{
	struct path_at at;

	path_resolve(&at, AT_FDCWD, path, follow);
	return (int)libc_result(
		PATH_CALL(&at, at.shadow ? attribute_refused_at(&at, name)
					 : SYS(number, at.path, name, value, size, flags)));
}

/* Whether @fd is an emulated file, which is @node then. */
static bool is_emulated(int fd, struct node *node)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);

	if (!desc)
		return false;
	*node = desc->node;
	engine_leave_fd(&call, desc);
	return true;
}

EXPORT int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	struct node node;

	return (int)libc_result(is_emulated(fd, &node)
					? attribute_refused(node, name)
					: SYS(SYS_fsetxattr, fd, name, value, size, flags));
}

EXPORT int fremovexattr(int fd, const char *name)
{
	struct node node;

	return (int)libc_result(is_emulated(fd, &node) ? attribute_refused(node, name)
						       : SYS(SYS_fremovexattr, fd, name));
}

EXPORT int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
	return set_attribute(SYS_setxattr, path, true, name, value, size, flags);
}

EXPORT int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
	return set_attribute(SYS_lsetxattr, path, false, name, value, size, flags);
}

EXPORT int removexattr(const char *path, const char *name)
{
	return set_attribute(SYS_removexattr, path, true, name, NULL, 0, 0);
}

EXPORT int lremovexattr(const char *path, const char *name)
{
	return set_attribute(SYS_lremovexattr, path, false, name, NULL, 0, 0);
}

EXPORT int name_to_handle_at(int dirfd, const char *path, struct file_handle *handle, int *mount,
			     int flags)
{
	struct path_at at;

	path_resolve(&at, dirfd, path, flags & AT_SYMLINK_FOLLOW);
	return UNLESS_EMULATED(&at,
			       SYS(SYS_name_to_handle_at, at.dirfd, at.path, handle, mount, flags));
}
