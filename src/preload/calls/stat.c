/* SPDX-License-Identifier: MIT */
/*
 * stat(): a placeholder is shown as the character device that it stands for; statfs(): files of the
 * shadow root are shown as part of sysfs or devtmpfs.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "preload/engine/call.h"
#include "preload/start/layout.h"
#include "preload/start/libc.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

/* The program's name of the file of the shadow root that @fd is open on; NULL if it is none. */
static const char *inside_fd(int fd, char *name)
{
	if (fdtable_hint(fd) != PATH_HINT_SHADOW || path_of_fd(fd, name, PATH_MAX))
		return NULL;
	return root_strip(name);
}

/* What a file is shown as. */
struct shown {
	struct node node;
	const char *inside; /* its name in the shadow root, if it is there, or NULL */
};

/* The file that @fd is open on. @name: PATH_MAX bytes, where what is returned has its name. */
static struct shown shown_of_fd(int fd, char *name)
{
	struct shown shown = {.node.kind = NODE_NONE};
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);

	if (desc) {
		shown.node = desc->node;
		engine_leave_fd(&call, desc);
		return shown;
	}
	shown.inside = inside_fd(fd, name);
	if (shown.inside)
		shown.node = path_node(shown.inside);
	return shown;
}

/* What a successful call with @at and @flags was about; the paths of @at are used up. */
static struct shown shown_at(struct path_at *at, int flags)
{
	if ((flags & AT_EMPTY_PATH) && at->path && at->path[0] == '\0')
		return shown_of_fd(at->dirfd, at->text);
	return (struct shown){.node = at->node, .inside = at->shadow ? at->resolved : NULL};
}

static int stat_at(int dirfd, const char *path, struct stat *st, int flags)
{
	unsigned int major_number, minor_number;
	struct path_at at;
	struct shown shown;
	uint64_t size;
	long rc;

	path_resolve(&at, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW));
	rc = PATH_CALL(&at, SYS(SYS_newfstatat, at.dirfd, at.path, st, flags));
	if (rc)
		return (int)libc_result(rc);
	shown = shown_at(&at, flags);
	if (path_device_number(shown.node, &major_number, &minor_number)) {
		st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | S_IFCHR;
		st->st_rdev = makedev(major_number, minor_number);
		st->st_size = 0;
		st->st_blocks = 0;
	} else if (shown.inside && path_size(shown.inside, st->st_mode, &size)) {
		st->st_size = (off_t)size;
		st->st_blocks = 0;
	}
	return 0;
}

EXPORT int stat(const char *path, struct stat *st)
{
	return stat_at(AT_FDCWD, path, st, 0);
}

EXPORT int lstat(const char *path, struct stat *st)
{
	return stat_at(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int fstat(int fd, struct stat *st)
{
	if (fd < 0) /* AT_FDCWD is no descriptor here */
		return (int)libc_result(-EBADF);
	return stat_at(fd, "", st, AT_EMPTY_PATH);
}

EXPORT int fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	return stat_at(dirfd, path, st, flags);
}

EXPORT_ALIAS(stat64, stat);
EXPORT_ALIAS(lstat64, lstat);
EXPORT_ALIAS(fstat64, fstat);
EXPORT_ALIAS(fstatat64, fstatat);

EXPORT int __xstat(int version, const char *path, struct stat *st)
{
	(void)version;
	return stat(path, st);
}

EXPORT int __lxstat(int version, const char *path, struct stat *st)
{
	(void)version;
	return lstat(path, st);
}

EXPORT int __fxstat(int version, int fd, struct stat *st)
{
	(void)version;
	return fstat(fd, st);
}

EXPORT int __fxstatat(int version, int dirfd, const char *path, struct stat *st, int flags)
{
	(void)version;
	return fstatat(dirfd, path, st, flags);
}

EXPORT_ALIAS(__xstat64, __xstat);
EXPORT_ALIAS(__lxstat64, __lxstat);
EXPORT_ALIAS(__fxstat64, __fxstat);
EXPORT_ALIAS(__fxstatat64, __fxstatat);

EXPORT int statx(int dirfd, const char *path, int flags, unsigned int mask, struct statx *stx)
{
	struct path_at at;
	struct shown shown;
	uint64_t size;
	long rc;

	path_resolve(&at, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW));
	/* Unlike sysfs and devtmpfs, tmpfs may leave times out that are not asked for. */
	if (at.shadow || fdtable_has(dirfd))
		mask |= STATX_BASIC_STATS;
	rc = PATH_CALL(&at, SYS(SYS_statx, at.dirfd, at.path, flags, mask, stx));
	if (rc)
		return (int)libc_result(rc);
	shown = shown_at(&at, flags);
	if (path_device_number(shown.node, &stx->stx_rdev_major, &stx->stx_rdev_minor)) {
		stx->stx_mode = (uint16_t)((stx->stx_mode & ~S_IFMT) | S_IFCHR);
		stx->stx_size = 0;
		stx->stx_blocks = 0;
	} else if (shown.inside && path_size(shown.inside, stx->stx_mode, &size)) {
		stx->stx_size = size;
		stx->stx_blocks = 0;
	}
	return 0;
}

static int finish_statfs(long rc, struct statfs *buf, const char *inside)
{
	if (rc)
		return (int)libc_result(rc);
	if (inside)
		buf->f_type = strncmp(inside, "/sys", 4) == 0 ? SYSFS_MAGIC : TMPFS_MAGIC;
	return 0;
}

EXPORT int statfs(const char *path, struct statfs *buf)
{
	struct path_at at;

	long rc;

	path_resolve(&at, AT_FDCWD, path, true);
	rc = PATH_CALL(&at, SYS(SYS_statfs, at.path, buf));
	return finish_statfs(rc, buf, at.shadow ? at.resolved : NULL);
}

EXPORT int fstatfs(int fd, struct statfs *buf)
{
	char name[PATH_MAX];
	const struct shown shown = shown_of_fd(fd, name);
	/* A memory file stands for some that are open. */
	const bool of_sysfs = shown.node.kind != NODE_NONE && !path_is_device(shown.node);

	return finish_statfs(SYS(SYS_fstatfs, fd, buf), buf, of_sysfs ? "/sys" : shown.inside);
}

EXPORT_ALIAS(statfs64, statfs);
EXPORT_ALIAS(fstatfs64, fstatfs);
