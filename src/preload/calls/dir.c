/* SPDX-License-Identifier: MIT */
/*
 * Reading directories. A directory of the shadow root has the right names; the types of its nodes
 * and of stand-ins for real entries are corrected here. A directory of the real system that has
 * emulated entries lists these after its own, and /dev/shm not those of uiommufd (listing.h).
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "mem/self.h"
#include "preload/calls/listing.h"
#include "preload/process/fdtable.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "preload/trap/detour.h"

EXPORT DIR *opendir(const char *path)
{
	struct path_at at;
	DIR *dir;

	path_resolve(&at, AT_FDCWD, path, true);
	dir = PATH_CALL_REAL(&at, NULL, REAL(opendir)(at.path));
	if (dir && path_found_directory(&at, dirfd(dir))) {
		REAL(closedir)(dir);
		dir = REAL(opendir)(at.path);
	}
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
	const enum path_hint hint = fdtable_hint(dirfd(dir));
	const int saved = errno;
	struct dirent *entry;

	errno = 0;
	do
		entry = REAL(readdir)(dir);
	while (entry && listing_hides(dirfd(dir), entry->d_name));
	if (!entry && errno)
		return NULL;
	errno = saved;
	/* Where the C library's own calls are caught, getdents64() below has added them. */
	if (!entry && hint == PATH_HINT_NEAR && !detours_cover(SYS_getdents64)) {
		entry = listing_next(dirfd(dir));
		if (entry)
			fix_entry(dirfd(dir), entry);
	} else if (entry && hint == PATH_HINT_SHADOW) {
		fix_entry(dirfd(dir), entry);
	}
	return entry;
}

EXPORT_ALIAS(readdir64, readdir);

/* ---- by descriptor ---- */

/* Corrects the types of @len bytes of entries that the kernel has just written. */
static void fix_entries(int fd, char *entries, long len)
{
	struct dirent *entry;

	for (long at = 0; at < len; at += entry->d_reclen) {
		entry = (struct dirent *)(entries + at);
		fix_entry(fd, entry);
	}
}

/* Takes what is hidden out of @len bytes of entries: the bytes that are left. */
static long hide_entries(int fd, char *entries, long len)
{
	long left = 0;
	unsigned short size;

	for (long at = 0; at < len; at += size) {
		struct dirent *entry = (struct dirent *)(entries + at);

		size = entry->d_reclen;
		if (listing_hides(fd, entry->d_name))
			continue;
		if (left != at)
			memmove(entries + left, entry, size);
		left += size;
	}
	return left;
}

/* Writes added entries to the program's @buf. The number of bytes, or a negative errno. */
static long add_entries(int fd, char *buf, size_t size)
{
	struct dirent *entry;
	size_t len = 0;

	while (size - len >= sizeof(*entry)) {
		entry = listing_next(fd);
		if (!entry)
			break;
		fix_entry(fd, entry);
		if (self_write((uintptr_t)buf + len, entry, entry->d_reclen))
			return -EFAULT;
		len += entry->d_reclen;
	}
	return (long)len;
}

EXPORT ssize_t getdents64(int fd, void *buf, size_t size)
{
	const enum path_hint hint = fdtable_hint(fd);
	long len, read;

	do {
		read = len = SYS(SYS_getdents64, fd, buf, size);
		if (len > 0)
			len = hide_entries(fd, buf, len);
	} while (read > 0 && !len); /* all were hidden; 0 would be the end */
	if (len > 0 && hint == PATH_HINT_SHADOW)
		fix_entries(fd, buf, len);
	else if (len == 0 && hint == PATH_HINT_NEAR)
		len = add_entries(fd, buf, size);
	return libc_result(len);
}

EXPORT int getdents(int fd, struct dirent *buf, size_t size)
{
	return (int)getdents64(fd, buf, size);
}

/* ---- streams ---- */

EXPORT void rewinddir(DIR *dir)
{
	listing_forget(dirfd(dir));
	REAL(rewinddir)(dir);
}

EXPORT void seekdir(DIR *dir, long position)
{
	listing_forget(dirfd(dir));
	REAL(seekdir)(dir, position);
}

EXPORT int closedir(DIR *dir)
{
	listing_forget(dirfd(dir));
	return REAL(closedir)(dir);
}

/* ---- functions in which the C library calls its own readdir() ---- */

typedef int entry_filter(const struct dirent *entry);
typedef int entry_order(const struct dirent **a, const struct dirent **b);

static int compare_entries(const void *a, const void *b, void *order)
{
	/* scandir() has always compared by functions of this type. */
	return (*(entry_order **)order)((const struct dirent **)a, (const struct dirent **)b);
}

/* Appends a copy of @entry. All is from malloc(), as the program passes it to free(). */
static bool append(struct dirent ***list, int count, const struct dirent *entry)
{
	struct dirent **grown;
	struct dirent *copy;

	/* The list has space for a power of two. */
	if ((count & (count - 1)) == 0) {
		grown = reallocarray(*list, count ? 2 * (size_t)count : 1, sizeof(*grown));
		if (!grown)
			return false;
		*list = grown;
	}
	copy = malloc(sizeof(*copy));
	if (!copy)
		return false;
	/* Not the whole structure: the last entry in the stream's buffer may be shorter. */
	memcpy(copy, entry, entry->d_reclen);
	(*list)[count] = copy;
	return true;
}

/* Reads @dir to its end. Returns the number of entries; -1 with errno and nothing allocated. */
static int read_all(DIR *dir, struct dirent ***list, entry_filter *filter)
{
	struct dirent *entry;
	int count = 0;

	*list = NULL;
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry && !errno)
			return count;
		if (!entry)
			goto out_free;
		if (filter && !filter(entry))
			continue;
		if (!append(list, count, entry)) {
			errno = ENOMEM;
			goto out_free;
		}
		count++;
	}

out_free:
	while (count)
		free((*list)[--count]);
	free(*list);
	return -1;
}

EXPORT int scandirat(int dirfd, const char *path, struct dirent ***list, entry_filter *filter,
		     entry_order *order)
{
	const int saved = errno;
	struct dirent **found;
	struct path_at at;
	int count, fd;
	DIR *dir;

	path_resolve(&at, dirfd, path, true);
	if (path_hint_of(&at) == PATH_HINT_NONE && strcmp(at.path, LAYOUT_MEMORY) != 0)
		return REAL(scandirat)(dirfd, path, list, filter, order);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -1;
	}
	count = read_all(dir, &found, filter);
	closedir(dir);
	if (count < 0)
		return -1;
	if (order && count)
		qsort_r(found, (size_t)count, sizeof(struct dirent *), compare_entries, &order);
	*list = found;
	errno = saved;
	return count;
}

EXPORT int scandir(const char *path, struct dirent ***list, entry_filter *filter,
		   entry_order *order)
{
	return scandirat(AT_FDCWD, path, list, filter, order);
}

EXPORT_ALIAS(scandir64, scandir);
EXPORT_ALIAS(scandirat64, scandirat);

#ifdef GLOB_ALTDIRFUNC

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

/* Has glob() call our functions instead of the C library's, unless the program gives its own. */
EXPORT int glob(const char *pattern, int flags, int (*on_error)(const char *path, int error),
		glob_t *found)
{
	int rc;

	if (!root_active() || (flags & GLOB_ALTDIRFUNC))
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

#else

/* musl's calls none but its own, which are caught. */
EXPORT int glob(const char *pattern, int flags, int (*on_error)(const char *path, int error),
		glob_t *found)
{
	detours_install();
	return REAL(glob)(pattern, flags, on_error, found);
}

#endif

EXPORT_ALIAS(glob64, glob);
