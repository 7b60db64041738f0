/* SPDX-License-Identifier: MIT */
/*
 * Names that the system returns: links, canonical paths and the current directory. None of them
 * shows the shadow root or the placeholder behind a descriptor.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "mem/self.h"
#include "preload/engine/call.h"
#include "preload/process/path.h"
#include "preload/start/layout.h"
#include "preload/start/libc.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

/*
 * The N of "pipe:[N]" or "socket:[N]", the kernel's names of the placeholders of event queues; 0
 * for another @text.
 */
static uint64_t channel_inode(const char *text)
{
	static const char *const kinds[] = {"pipe:[", "socket:["};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(text, kinds[i], strlen(kinds[i])) == 0)
			return strtoull(text + strlen(kinds[i]), NULL, 10);
	}
	return 0;
}

/*
 * The name of the file behind @fd if its placeholder is the pipe or socket @inode, else NULL. Names
 * are constants, so they outlive the file.
 */
static const char *channel_name_of(int fd, uint64_t inode)
{
	struct engine_call call;
	struct description *desc = engine_enter_fd(&call, fd);
	const char *name = NULL;
	struct stat st;

	if (!desc)
		return NULL;
	if (desc->file->ops->readiness && !SYS(SYS_fstat, fd, &st) && st.st_ino == inode)
		name = desc->file->ops->name;
	engine_leave_fd(&call, desc);
	return name;
}

/* The same for any descriptor: /proc has many names for one, so it is found by the inode. */
static const char *channel_name(uint64_t inode)
{
	const char *name;
	int fd = -1;

	while ((fd = fdtable_next((unsigned int)fd + 1, INT_MAX)) >= 0) {
		name = channel_name_of(fd, inode);
		if (name)
			return name;
	}
	return NULL;
}

/*
 * What the program sees of a link of /proc with @text: the shadow root is left out, and a
 * placeholder has the name of its file. NULL: @text is what the program sees. Changes @text.
 */
static const char *visible_name(char *text)
{
	static const char memory[] = "/memfd:" LAYOUT_MEMFD_PREFIX;
	static const char deleted[] = " (deleted)";
	const uint64_t inode = channel_inode(text);
	const char *inside;
	size_t len = strlen(text);

	if (inode)
		return channel_name(inode);
	inside = root_strip(text);
	if (inside || strncmp(text, memory, sizeof(memory) - 1) != 0)
		return inside;
	if (len > sizeof(deleted) && strcmp(text + len - (sizeof(deleted) - 1), deleted) == 0)
		text[len - (sizeof(deleted) - 1)] = '\0';
	return text + sizeof(memory) - 1;
}

/*
 * Whether the text of the link @at may need a change: only links of /proc, where /dev/fd leads,
 * too, lead to placeholders.
 */
static bool may_need_change(const struct path_at *at)
{
	return at->head[0] && (at->head[0] != '/' || at->head[1] == 'p' || at->head[1] == 'd');
}

/*
 * The kernel's text does not go to @buf before it is translated: a program may have filled @buf
 * with zeros to find the end of the text by them.
 */
static __attribute__((noinline)) ssize_t read_visible(struct path_at *at, char *buf, size_t size)
{
	char text[ROOT_MAX + 1024]; /* what leads to us is shorter */
	long n = PATH_CALL(at, SYS(SYS_readlinkat, at->dirfd, at->path, text, sizeof(text) - 1));
	const char *name;

	text[n > 0 ? n : 0] = '\0';
	name = visible_name(text);
	if (!name)
		return libc_result(SYS(SYS_readlinkat, at->dirfd, at->path, buf, size));
	if (strlen(name) < size)
		size = strlen(name);
	return libc_result(self_write((uintptr_t)buf, name, size) ? -EFAULT : (long)size);
}

static ssize_t read_link_at(int dirfd, const char *path, char *buf, size_t size)
{
	struct path_at at;

	path_resolve(&at, dirfd, path, false);
	if (size && !at.shadow && may_need_change(&at))
		return read_visible(&at, buf, size);
	return libc_result(PATH_CALL(&at, SYS(SYS_readlinkat, at.dirfd, at.path, buf, size)));
}

EXPORT ssize_t readlink(const char *path, char *buf, size_t size)
{
	return read_link_at(AT_FDCWD, path, buf, size);
}

EXPORT ssize_t readlinkat(int dirfd, const char *path, char *buf, size_t size)
{
	return read_link_at(dirfd, path, buf, size);
}

EXPORT ssize_t __readlink_chk(const char *path, char *buf, size_t size, size_t space)
{
	if (size > space)
		__chk_fail();
	return read_link_at(AT_FDCWD, path, buf, size);
}

EXPORT ssize_t __readlinkat_chk(int dirfd, const char *path, char *buf, size_t size, size_t space)
{
	if (size > space)
		__chk_fail();
	return read_link_at(dirfd, path, buf, size);
}

/*
 * Removes the shadow root from the canonical @name, into which a link of /proc to a descriptor may
 * have led.
 */
static char *without_root(char *name)
{
	const char *inside = name ? root_strip(name) : NULL;

	if (inside)
		memmove(name, inside, strlen(inside) + 1);
	return name;
}

EXPORT char *realpath(const char *path, char *resolved)
{
	struct path_at at;
	char *name = NULL;
	struct stat st;
	size_t len;
	long rc;

	path_resolve(&at, AT_FDCWD, path, true);
	if (!at.shadow)
		name = REAL(realpath)(at.path, resolved);
	if (!at.shadow && (name || errno != ENOENT || !path_again(&at) || !at.shadow))
		return without_root(name);
	rc = SYS(SYS_newfstatat, AT_FDCWD, at.path, &st, 0);
	if (libc_result(rc) < 0)
		return NULL;
	len = strlen(at.resolved);
	if (len >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
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

EXPORT char *__realpath_chk(const char *path, char *resolved, size_t space)
{
	if (space < PATH_MAX)
		__chk_fail();
	return realpath(path, resolved);
}

/* The program's name of the current directory if that is in the shadow root; else NULL. */
static const char *inside_cwd(char *name)
{
	return root_active() && path_of_fd(AT_FDCWD, name, PATH_MAX) == 0 ? root_strip(name) : NULL;
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

EXPORT char *__getcwd_chk(char *buf, size_t size, size_t space)
{
	if (size > space)
		__chk_fail();
	return getcwd(buf, size);
}

EXPORT char *get_current_dir_name(void)
{
	char name[PATH_MAX];
	const char *inside = inside_cwd(name);

	return inside ? strdup(inside) : REAL(get_current_dir_name)();
}

/* Ends a call that may have changed the current directory, with result @rc. */
static int changed_directory(long rc)
{
	if (rc)
		return (int)libc_result(rc);
	if (preload_tracks_process())
		path_cwd_changed();
	return 0;
}

EXPORT int chdir(const char *path)
{
	struct path_at at;

	path_resolve(&at, AT_FDCWD, path, true);
	return changed_directory(PATH_CALL(&at, SYS(SYS_chdir, at.path)));
}

EXPORT int fchdir(int fd)
{
	return changed_directory(SYS(SYS_fchdir, fd));
}
