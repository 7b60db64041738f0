/* SPDX-License-Identifier: MIT */
/*
 * Calls that make, remove and rename names. What they change among emulated names they change in
 * the shadow root, or not at all: /dev is devtmpfs, where only root changes names, and /sys is
 * sysfs, where nobody does. The real system's /dev and /sys are never reached by an emulated name.
 *
 * None of these is a cancellation point, so they are system calls of our own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/sys.h"
#include "preload/calls/change.h"
#include "preload/calls/memory.h"
#include "preload/process/path.h"
#include "preload/start/libc.h"
#include "preload/start/real.h"

/* Missing in older headers. */
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1u
#endif

/* NOREPLACE, EXCHANGE and WHITEOUT. */
#define RENAME_FLAGS 7u

static bool in_sysfs(const struct path_at *at)
{
	return strncmp(at->resolved, "/sys", 4) == 0;
}

/* 0 if there is a file @path, else what keeps the kernel from finding it. */
static int look(int dirfd, const char *path)
{
	struct stat st;

	return (int)SYS(SYS_newfstatat, dirfd, path, &st, AT_SYMLINK_NOFOLLOW);
}

/* Whether the directory that @at would be an entry of is there. */
static bool parent_is_there(struct path_at *at)
{
	char *end = strrchr(at->text, '/');
	bool there;

	*end = '\0';
	there = !look(AT_FDCWD, at->text) || !look(AT_FDCWD, at->resolved);
	*end = '/';
	return there;
}

/* Whether the program may change names beside the emulated @at, as the kernel decides it. */
static int check_directory(const struct path_at *at)
{
	if (SYS(SYS_geteuid))
		return -EACCES;
	return in_sysfs(at) ? -EPERM : 0;
}

int change_check_create(struct path_at *at)
{
	const int rc = look(at->dirfd, at->path);

	if (rc != -ENOENT)
		return rc ? rc : -EEXIST;
	if (!parent_is_there(at))
		return -ENOENT;
	return check_directory(at);
}

static int check_remove(const struct path_at *at)
{
	const int rc = look(at->dirfd, at->path);

	return rc ? rc : check_directory(at);
}

/* ---- making ---- */

static int make_node(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	struct path_at at;
	int rc;

	path_resolve_links(&at, dirfd, path, false);
	if (!at.emulated)
		return (int)libc_result(SYS(SYS_mknodat, at.dirfd, at.path, mode, dev));
	rc = change_check_create(&at);
	if (!rc)
		rc = (int)SYS(SYS_mknodat, AT_FDCWD, at.text, mode, dev);
	return (int)libc_result(rc);
}

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct path_at at;
	int rc;

	path_resolve_links(&at, dirfd, path, false);
	if (!at.emulated)
		return (int)libc_result(SYS(SYS_mkdirat, at.dirfd, at.path, mode));
	rc = change_check_create(&at);
	if (!rc)
		rc = (int)SYS(SYS_mkdirat, AT_FDCWD, at.text, mode);
	return (int)libc_result(rc);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

EXPORT int mknod(const char *path, mode_t mode, dev_t dev)
{
	return make_node(AT_FDCWD, path, mode, dev);
}

EXPORT int mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	return make_node(dirfd, path, mode, dev);
}

EXPORT int __xmknod(int version, const char *path, mode_t mode, dev_t *dev)
{
	(void)version;
	return make_node(AT_FDCWD, path, mode, *dev);
}

EXPORT int __xmknodat(int version, int dirfd, const char *path, mode_t mode, dev_t *dev)
{
	(void)version;
	return make_node(dirfd, path, mode, *dev);
}

EXPORT int mkfifo(const char *path, mode_t mode)
{
	return make_node(AT_FDCWD, path, mode | S_IFIFO, 0);
}

EXPORT int mkfifoat(int dirfd, const char *path, mode_t mode)
{
	return make_node(dirfd, path, mode | S_IFIFO, 0);
}

EXPORT int symlinkat(const char *text, int dirfd, const char *path)
{
	struct path_at at;
	int rc;

	path_resolve_links(&at, dirfd, path, false);
	if (!at.emulated)
		return (int)libc_result(SYS(SYS_symlinkat, text, at.dirfd, at.path));
	rc = change_check_create(&at);
	/* A link with an absolute text would be a stand-in (start/layout.h). */
	if (!rc)
		rc = -EPERM;
	return (int)libc_result(rc);
}

EXPORT int symlink(const char *text, const char *path)
{
	return symlinkat(text, AT_FDCWD, path);
}

/* ---- removing ---- */

EXPORT int unlinkat(int dirfd, const char *path, int flags)
{
	struct path_at at;
	int rc;

	path_resolve_links(&at, dirfd, path, false);
	if (!at.emulated)
		return (int)libc_result(SYS(SYS_unlinkat, at.dirfd, at.path, flags));
	rc = flags & ~AT_REMOVEDIR ? -EINVAL : check_remove(&at);
	if (!rc)
		rc = (int)SYS(SYS_unlinkat, AT_FDCWD, at.text, flags);
	return (int)libc_result(rc);
}

EXPORT int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int remove(const char *path)
{
	const int saved = errno;

	if (unlink(path) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM) /* EPERM: POSIX' word for a directory */
		return -1;
	errno = saved;
	return rmdir(path);
}

/* ---- two names ---- */

/*
 * Whether a call that names both may go on in the shadow root. Names of different file systems
 * cannot be linked; names of /dev of which only one is emulated are in different ones here.
 */
static int check_pair(const struct path_at *from, const struct path_at *to)
{
	const struct path_at *emulated = from->emulated ? from : to;
	const struct path_at *other = from->emulated ? to : from;

	if (other->emulated && in_sysfs(from) == in_sysfs(to))
		return check_remove(from);
	if (other->emulated || in_sysfs(emulated) || strncmp(other->head, "/dev/", 5) != 0)
		return -EXDEV;
	return check_directory(emulated) ? -EACCES : -EBUSY;
}

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	struct path_at source, target;
	int rc;

	path_resolve_links(&source, from_dir, from, false);
	path_resolve_links(&target, to_dir, to, false);
	if (!source.emulated && !target.emulated)
		return (int)libc_result(SYS(SYS_renameat2, source.dirfd, source.path, target.dirfd,
					    target.path, flags));
	rc = flags & ~RENAME_FLAGS ? -EINVAL : check_pair(&source, &target);
	if (!rc)
		rc = (int)SYS(SYS_renameat2, AT_FDCWD, source.text, AT_FDCWD, target.text, flags);
	return (int)libc_result(rc);
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat2(from_dir, from, to_dir, to, 0);
}

EXPORT int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	struct path_at source, target;
	int rc;

	path_resolve_links(&source, from_dir, from, (flags & AT_SYMLINK_FOLLOW) != 0);
	path_resolve_links(&target, to_dir, to, false);
	if (!source.emulated && !target.emulated)
		return (int)libc_result(SYS(SYS_linkat, source.dirfd, source.path, target.dirfd,
					    target.path, flags));
	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		rc = -EINVAL;
	else if (target.emulated && !look(target.dirfd, target.path))
		rc = -EEXIST;
	else
		rc = check_pair(&source, &target);
	if (!rc)
		rc = (int)SYS(SYS_linkat, AT_FDCWD, source.text, AT_FDCWD, target.text, 0);
	return (int)libc_result(rc);
}

EXPORT int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- contents ---- */

/* A device node has no length, and a file of sysfs keeps its own. */
EXPORT int truncate(const char *path, off_t len)
{
	struct path_at at;
	struct stat st;
	long rc;

	path_resolve_links(&at, AT_FDCWD, path, true);
	if (!at.shadow)
		return (int)libc_result(memory_truncate((long)at.path, len));
	rc = SYS(SYS_newfstatat, AT_FDCWD, at.path, &st, 0);
	if (!rc && S_ISDIR(st.st_mode))
		rc = -EISDIR;
	else if (!rc && (len < 0 || !in_sysfs(&at)))
		rc = -EINVAL;
	else if (!rc)
		rc = SYS(SYS_faccessat2, AT_FDCWD, at.path, W_OK, AT_EACCESS);
	return (int)libc_result(rc);
}

EXPORT_ALIAS(truncate64, truncate);
