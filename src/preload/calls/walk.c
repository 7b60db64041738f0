/* SPDX-License-Identifier: MIT */
/*
 * nftw() and ftw(). The C library's read directories by functions of its own, so they would not see
 * what the machine adds. A walk that begins where the emulated part may be is made here, by the
 * functions that the program would call itself; any other is the C library's.
 *
 * Cost: each directory on the way to the current one is open, whatever limit the program gives.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "preload/process/path.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "preload/trap/detour.h"

#ifndef FTW_ACTIONRETVAL /* musl has no such flag */
#define FTW_ACTIONRETVAL  0
#define FTW_STOP	  1
#define FTW_SKIP_SUBTREE  2
#define FTW_SKIP_SIBLINGS 3
#endif

typedef int visit_function(const char *path, const struct stat *st, int type, struct FTW *at);
typedef int plain_visit_function(const char *path, const struct stat *st, int type);

/* A directory on the way to the current one. */
struct level {
	const struct level *above;
	dev_t dev;
	ino_t ino;
};

struct tree_walk {
	visit_function *visit;
	plain_visit_function *visit_plain; /* of ftw(), in place of @visit */
	int flags;
	dev_t dev; /* of the beginning */
	struct FTW at;
	char path[PATH_MAX];
};

static int report(struct tree_walk *walk, const struct stat *st, int type)
{
	if (!walk->visit_plain)
		return walk->visit(walk->path, st, type, &walk->at);
	if (type == FTW_SLN)
		type = FTW_NS;
	return walk->visit_plain(walk->path, st, type);
}

/* Whether the answer of the program's function ends the walk. */
static bool ends(const struct tree_walk *walk, int answer)
{
	return walk->flags & FTW_ACTIONRETVAL ? answer == FTW_STOP : answer != 0;
}

/* The type of the file, whose status goes to @st. */
static int look_at(const struct tree_walk *walk, struct stat *st)
{
	const bool physical = walk->flags & FTW_PHYS;

	memset(st, 0, sizeof(*st));
	if ((physical ? lstat : stat)(walk->path, st)) {
		if (!physical && lstat(walk->path, st) == 0 && S_ISLNK(st->st_mode))
			return FTW_SLN;
		return FTW_NS;
	}
	if (S_ISDIR(st->st_mode))
		return FTW_D;
	return S_ISLNK(st->st_mode) ? FTW_SL : FTW_F;
}

static bool is_above(const struct level *level, const struct stat *st)
{
	for (; level; level = level->above) {
		if (level->dev == st->st_dev && level->ino == st->st_ino)
			return true;
	}
	return false;
}

static int walk_file(struct tree_walk *walk, const struct level *above);

/* Visits what is in @dir, whose name is @walk->path. */
static int walk_entries(struct tree_walk *walk, DIR *dir, const struct level *level)
{
	const size_t len = strlen(walk->path);
	const int base = walk->at.base;
	struct dirent *entry;
	int answer = 0;

	walk->at.base = (int)(len + (walk->path[len - 1] != '/'));
	walk->at.level++;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((size_t)walk->at.base + strlen(entry->d_name) >= sizeof(walk->path))
			continue;
		walk->path[walk->at.base - 1] = '/';
		strcpy(walk->path + walk->at.base, entry->d_name);
		answer = walk_file(walk, level);
		walk->path[len] = '\0';
		if (ends(walk, answer) ||
		    (walk->flags & FTW_ACTIONRETVAL && answer == FTW_SKIP_SIBLINGS))
			break;
	}
	walk->at.level--;
	walk->at.base = base;
	return answer == FTW_SKIP_SIBLINGS && walk->flags & FTW_ACTIONRETVAL ? 0 : answer;
}

static int walk_directory(struct tree_walk *walk, const struct level *above, const struct stat *st)
{
	const struct level level = {above, st->st_dev, st->st_ino};
	DIR *dir = opendir(walk->path);
	int answer;

	if (!dir)
		return errno == EACCES ? report(walk, st, FTW_DNR) : -1;
	answer = walk->flags & FTW_DEPTH ? 0 : report(walk, st, FTW_D);
	if (walk->flags & FTW_ACTIONRETVAL && answer == FTW_SKIP_SUBTREE) {
		closedir(dir);
		return 0;
	}
	if (!ends(walk, answer))
		answer = walk_entries(walk, dir, &level);
	closedir(dir);
	if (!ends(walk, answer) && walk->flags & FTW_DEPTH)
		answer = report(walk, st, FTW_DP);
	return answer;
}

static int walk_file(struct tree_walk *walk, const struct level *above)
{
	struct stat st;
	const int type = look_at(walk, &st);

	if (type == FTW_NS && !above)
		return -1;
	if (type != FTW_NS && walk->flags & FTW_MOUNT && st.st_dev != walk->dev)
		return 0;
	if (type != FTW_D)
		return report(walk, &st, type);
	return is_above(above, &st) ? 0 : walk_directory(walk, above, &st);
}

static int walk_tree(struct tree_walk *walk, const char *path)
{
	size_t len = strlen(path);
	struct stat st;

	if (len >= sizeof(walk->path))
		return (int)libc_result(-ENAMETOOLONG);
	memcpy(walk->path, path, len + 1);
	while (len > 1 && walk->path[len - 1] == '/')
		walk->path[--len] = '\0';
	walk->at.base = strrchr(walk->path, '/') ? (int)(strrchr(walk->path, '/') - walk->path) + 1
						 : 0;
	if (walk->flags & FTW_MOUNT && stat(path, &st) == 0)
		walk->dev = st.st_dev;
	return walk_file(walk, NULL);
}

/* Whether a walk from @path may come to the emulated part. */
static bool may_meet(const char *path, int flags)
{
	struct path_at at;

	path_resolve_links(&at, AT_FDCWD, path, !(flags & FTW_PHYS));
	if (!root_active() || path_hint_of(&at) == PATH_HINT_NONE)
		return false;
	if (flags & FTW_CHDIR)
		detours_install();
	return !(flags & FTW_CHDIR);
}

/* What the walk knows is not on the stack, as with the C library's. */
static int walk_with(const char *path, visit_function *visit, plain_visit_function *plain,
		     int flags)
{
	struct tree_walk *walk = calloc(1, sizeof(*walk));
	int answer;

	if (!walk)
		return -1;
	walk->visit = visit;
	walk->visit_plain = plain;
	walk->flags = flags;
	answer = walk_tree(walk, path);
	free(walk);
	return answer;
}

EXPORT int nftw(const char *path, visit_function *visit, int fds, int flags)
{
	return may_meet(path, flags) ? walk_with(path, visit, NULL, flags)
				     : REAL(nftw)(path, visit, fds, flags);
}

EXPORT int ftw(const char *path, plain_visit_function *visit, int fds)
{
	return may_meet(path, 0) ? walk_with(path, NULL, visit, 0) : REAL(ftw)(path, visit, fds);
}

EXPORT_ALIAS(nftw64, nftw);
EXPORT_ALIAS(ftw64, ftw);

/* ---- walks that are the C library's, whose calls are caught (calls/call_dispatch.h) ---- */

EXPORT FTS *fts_open(char *const *paths, int options,
		     int (*compare)(const FTSENT **a, const FTSENT **b))
{
	detours_install();
	return REAL(fts_open)(paths, options, compare);
}

#ifndef __GLIBC__ /* musl has one size of files */
#define FTS64	 FTS
#define FTSENT64 FTSENT
#endif

EXPORT FTS64 *fts64_open(char *const *paths, int options,
			 int (*compare)(const FTSENT64 **a, const FTSENT64 **b))
{
	detours_install();
	return REAL(fts64_open)(paths, options, compare);
}

EXPORT int wordexp(const char *words, wordexp_t *found, int flags)
{
	detours_install();
	return REAL(wordexp)(words, found, flags);
}
