/* SPDX-License-Identifier: MIT */
/* Names: links, canonical paths and the current directory, none of which shows the shadow root. */
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "preload/layout.h"
#include "preload/path.h"
#include "preload/real.h"

_Noreturn void __chk_fail(void);
ssize_t __readlink_chk(const char *path, char *buf, size_t size, size_t room);
ssize_t __readlinkat_chk(int dirfd, const char *path, char *buf, size_t size, size_t room);
char *__realpath_chk(const char *path, char *resolved, size_t room);
char *__getcwd_chk(char *buf, size_t size, size_t room);

/*
 * What a link of /proc that leads to something of ours is for the program: without the shadow root,
 * and not a memory file. NULL: @text is as it should be. Changes @text.
 */
static const char *visible_name(char *text)
{
	static const char memory[] = "/memfd:" LAYOUT_MEMFD_PREFIX;
	static const char deleted[] = " (deleted)";
	const char *inside = path_strip(text);
	size_t len = strlen(text);

	if (inside || strncmp(text, memory, sizeof(memory) - 1) != 0)
		return inside;
	if (len > sizeof(deleted) && strcmp(text + len - (sizeof(deleted) - 1), deleted) == 0)
		text[len - (sizeof(deleted) - 1)] = '\0';
	return text + sizeof(memory) - 1;
}

static ssize_t read_link_at(int dirfd, const char *path, char *buf, size_t size)
{
	char text[PATH_MAX + 256];
	struct path_at at;
	const char *name;
	size_t len;
	long n;

	path_resolve(&at, dirfd, path, false);
	n = SYS(SYS_readlinkat, at.dirfd, at.path, buf, size);
	if (n <= 0 || !path_active() || buf[0] != '/' || at.shadow)
		return libc_result(n);
	/* Again, as @buf may hold only a part. */
	n = SYS(SYS_readlinkat, at.dirfd, at.path, text, sizeof(text) - 1);
	if (n < 0)
		return libc_result(n);
	text[n] = '\0';
	name = visible_name(text);
	if (!name)
		name = text;
	len = strlen(name) < size ? strlen(name) : size;
	memcpy(buf, name, len);
	return (ssize_t)len;
}

EXPORT ssize_t readlink(const char *path, char *buf, size_t size)
{
	return read_link_at(AT_FDCWD, path, buf, size);
}

EXPORT ssize_t readlinkat(int dirfd, const char *path, char *buf, size_t size)
{
	return read_link_at(dirfd, path, buf, size);
}

EXPORT ssize_t __readlink_chk(const char *path, char *buf, size_t size, size_t room)
{
	if (size > room)
		__chk_fail();
	return read_link_at(AT_FDCWD, path, buf, size);
}

EXPORT ssize_t __readlinkat_chk(int dirfd, const char *path, char *buf, size_t size, size_t room)
{
	if (size > room)
		__chk_fail();
	return read_link_at(dirfd, path, buf, size);
}

EXPORT char *realpath(const char *path, char *resolved)
{
	struct path_at at;
	struct stat st;
	size_t len;
	long rc;

	path_resolve(&at, AT_FDCWD, path, true);
	if (!at.shadow)
		return REAL(realpath)(at.path, resolved);
	rc = SYS(SYS_newfstatat, AT_FDCWD, at.path, &st, 0);
	len = strlen(at.resolved);
	if (!rc && len >= PATH_MAX)
		rc = -ENAMETOOLONG;
	if (libc_result(rc) < 0)
		return NULL;
	if (len > 1 && at.resolved[len - 1] == '/')
		len--;
	if (!resolved)
		return strndup(at.resolved, len);
	memcpy(resolved, at.resolved, len);
	resolved[len] = '\0';
	return resolved;
}

EXPORT char *canonicalize_file_name(const char *path)
{
	return realpath(path, NULL);
}

EXPORT char *__realpath_chk(const char *path, char *resolved, size_t room)
{
	if (room < PATH_MAX)
		__chk_fail();
	return realpath(path, resolved);
}

/* The current directory, in the shadow root, as the program knows it; NULL if it is not there. */
static const char *inside_cwd(char *name)
{
	return path_active() && path_of_fd(AT_FDCWD, name) == 0 ? path_strip(name) : NULL;
}

EXPORT char *getcwd(char *buf, size_t size)
{
	char name[PATH_MAX];
	const char *inside = inside_cwd(name);
	size_t need;

	if (!inside)
		return REAL(getcwd)(buf, size);
	need = strlen(inside) + 1;
	if (size && size < need) {
		errno = ERANGE;
		return NULL;
	}
	if (buf && !size) {
		errno = EINVAL;
		return NULL;
	}
	if (!buf)
		buf = malloc(size ? size : need);
	return buf ? memcpy(buf, inside, need) : NULL;
}

EXPORT char *__getcwd_chk(char *buf, size_t size, size_t room)
{
	if (size > room)
		__chk_fail();
	return getcwd(buf, size);
}

EXPORT char *get_current_dir_name(void)
{
	char name[PATH_MAX];
	const char *inside = inside_cwd(name);

	return inside ? strdup(inside) : REAL(get_current_dir_name)();
}

EXPORT int chdir(const char *path)
{
	struct path_at at;
	long rc;

	path_resolve(&at, AT_FDCWD, path, true);
	rc = SYS(SYS_chdir, at.path);
	if (!rc && preload_own_process())
		path_cwd_changed();
	return (int)libc_result(rc);
}

EXPORT int fchdir(int fd)
{
	long rc = SYS(SYS_fchdir, fd);

	if (!rc && preload_own_process())
		path_cwd_changed();
	return (int)libc_result(rc);
}
