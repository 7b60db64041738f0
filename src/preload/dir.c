/* SPDX-License-Identifier: MIT */
/*
 * Directories. Those of the shadow root list the right names; the types of nodes, and of stand-ins
 * for real entries, are put right here.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "preload/fdtable.h"
#include "preload/real.h"

EXPORT DIR *opendir(const char *path)
{
	struct path_at at;
	DIR *dir;

	path_resolve(&at, AT_FDCWD, path, true);
	dir = REAL(opendir)(at.path);
	if (dir && path_hint_of(&at) != PATH_HINT_NONE)
		fdtable_set_hint(dirfd(dir), path_hint_of(&at));
	return dir;
}

static void fix_entry(int dir, struct dirent *entry)
{
	int saved = errno;
	struct stat st;

	if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		entry->d_type = (unsigned char)IFTODT(st.st_mode);
		entry->d_ino = st.st_ino;
	}
	errno = saved;
}

EXPORT struct dirent *readdir(DIR *dir)
{
	struct dirent *entry = REAL(readdir)(dir);

	if (entry && fdtable_hint(dirfd(dir)) == PATH_HINT_SHADOW)
		fix_entry(dirfd(dir), entry);
	return entry;
}

EXPORT_ALIAS(readdir64, readdir);

static void close_directory(void *dir)
{
	closedir(dir);
}

static struct dirent *next_entry(void *dir)
{
	return readdir(dir);
}

static void *open_directory(const char *path)
{
	return opendir(path);
}

/* Lets glob() look through our functions instead of the C library's own, unless the program has
 * functions of its own. */
EXPORT int glob(const char *pattern, int flags, int (*on_error)(const char *path, int error),
		glob_t *found)
{
	int rc;

	if (!path_active() || (flags & GLOB_ALTDIRFUNC))
		return REAL(glob)(pattern, flags, on_error, found);
	found->gl_opendir = open_directory;
	found->gl_readdir = next_entry;
	found->gl_closedir = close_directory;
	found->gl_stat = stat;
	found->gl_lstat = lstat;
	rc = REAL(glob)(pattern, flags | GLOB_ALTDIRFUNC, on_error, found);
	found->gl_flags &= ~GLOB_ALTDIRFUNC;
	return rc;
}

EXPORT_ALIAS(glob64, glob);

/* nftw() walks with functions of the C library's own, so it is given the shadow root's path, and
 * its names lose that again on their way to the program. */
static __thread __nftw_func_t walk_visit __attribute__((tls_model("initial-exec")));

static int visit_stripped(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *inside = path_strip(path);
	struct FTW moved = *ftw;

	if (inside)
		moved.base -= (int)(inside - path);
	return walk_visit(inside ? inside : path, st, type, &moved);
}

EXPORT int nftw(const char *path, __nftw_func_t visit, int fds, int flags)
{
	__nftw_func_t outer = walk_visit;
	struct path_at at;
	int rc;

	path_resolve(&at, AT_FDCWD, path, !(flags & FTW_PHYS));
	if (!at.shadow)
		return REAL(nftw)(at.path, visit, fds, flags);
	walk_visit = visit;
	rc = REAL(nftw)(at.path, visit_stripped, fds, flags);
	walk_visit = outer;
	return rc;
}

EXPORT_ALIAS(nftw64, nftw);
