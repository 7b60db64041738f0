/* SPDX-License-Identifier: MIT */
/*
 * Invariant: a process writes its own word, and another one only while it holds that word's lock.
 *
 * The locks are those of open files (F_OFD_SETLK), which a fork shares and the last close releases.
 * Whoever locks all words at once may remove the file; a process that has opened it just before
 * finds its lock refused, or the name gone, and tries again.
 */
#include "mem/user_share.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/sys.h"
#include "mem/guard.h"

enum {
	WORDS = PAGE_SIZE / sizeof(uint64_t), /* processes of a user */
	PART = 32,			      /* words that are read at once */
	ATTEMPTS = 100,
};

static int format_name(char name[PATH_MAX], const char *directory, uint32_t uid)
{
	int len = snprintf(name, PATH_MAX, "%s/" USER_SHARE_PREFIX "%u", directory, uid);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

bool user_share_directory(const char *root, char *directory, size_t size)
{
	char *slash;

	if ((size_t)snprintf(directory, size, "%s", root) >= size)
		return false;
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return false;
	*slash = '\0';
	return true;
}

/* Changes the lock of @len words from @first on (0: all) to @type. */
static int change_lock(int fd, short type, unsigned int first, unsigned int len)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = first, .l_len = len};

	return sys_fcntl(fd, F_OFD_SETLK, (long)&lock);
}

/* Whether the file is the user's alone. */
static bool is_private(const struct stat *st, uint32_t uid)
{
	return S_ISREG(st->st_mode) && st->st_uid == uid && st->st_nlink == 1 &&
	       !(st->st_mode & (S_IRWXG | S_IRWXO));
}

/* Opens @name, which is made if the process is of the user whose file it would be. */
static int open_table(const char *name, uint32_t uid)
{
	const bool own = (uint32_t)sys_call(SYS_geteuid, 0, 0, 0, 0, 0, 0) == uid;
	struct stat st;
	int fd, rc;

	fd = (int)sys_call(SYS_openat, AT_FDCWD, (long)name,
			   O_RDWR | O_NOFOLLOW | O_CLOEXEC | (own ? O_CREAT : 0), 0600, 0, 0);
	if (fd < 0)
		return fd;
	rc = (int)sys_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0);
	if (!rc && !is_private(&st, uid))
		rc = -EPERM;
	if (!rc && st.st_size < (off_t)PAGE_SIZE)
		rc = (int)sys_call(SYS_ftruncate, fd, PAGE_SIZE, 0, 0, 0, 0);
	if (!rc)
		return fd;
	(void)sys_close(fd);
	return rc;
}

/* Whether @name still is the file @fd. */
static bool is_named(int fd, const char *name)
{
	struct stat open, named;

	return !sys_call(SYS_fstat, fd, (long)&open, 0, 0, 0, 0) &&
	       !sys_call(SYS_newfstatat, AT_FDCWD, (long)name, (long)&named, AT_SYMLINK_NOFOLLOW, 0,
			 0) &&
	       open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

/* Takes a word. -EAGAIN: all are taken. */
static int take_word(int fd, unsigned int *own)
{
	for (*own = 0; *own < WORDS; ++*own) {
		int rc = change_lock(fd, F_WRLCK, *own, 1);

		if (rc != -EAGAIN && rc != -EACCES)
			return rc;
	}
	return -EAGAIN;
}

/* *@fd: the table, in which the word *@own is taken. */
static int open_word(const char *name, uint32_t uid, int *fd, unsigned int *own)
{
	int rc = -EAGAIN;

	for (int i = 0; rc == -EAGAIN && i < ATTEMPTS; i++) {
		*fd = open_table(name, uid);
		if (*fd < 0)
			return *fd;
		rc = take_word(*fd, own);
		if (!rc && !is_named(*fd, name))
			rc = -EAGAIN;
		if (rc)
			(void)sys_close(*fd);
	}
	return rc;
}

int user_share_open(struct user_share *share, const char *directory, uint32_t uid)
{
	char name[PATH_MAX];
	void *words = NULL;
	int fd, rc;

	rc = format_name(name, directory, uid);
	if (rc)
		return rc;
	rc = open_word(name, uid, &fd, &share->own);
	if (rc)
		return rc;
	rc = sys_mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &words);
	if (rc) {
		(void)sys_close(fd);
		return rc;
	}
	share->words = words;
	share->fd = sys_move_away(fd);
	rc = user_share_publish(share, 0);
	if (rc)
		user_share_close(share);
	return rc;
}

void user_share_close(struct user_share *share)
{
	(void)sys_munmap(share->words, PAGE_SIZE);
	(void)sys_close(share->fd);
	share->words = NULL;
}

int user_share_others(const struct user_share *share, uint64_t *pages)
{
	uint64_t part[PART];

	*pages = 0;
	for (unsigned int i = 0; i < WORDS; i++) {
		if (i % PART == 0 && guard_copy(part, share->words + i, sizeof(part)))
			return -EFAULT;
		if (i != share->own && check_add(*pages, part[i % PART], pages))
			*pages = UINT64_MAX;
	}
	return 0;
}

int user_share_publish(const struct user_share *share, uint64_t pages)
{
	return guard_copy(share->words + share->own, &pages, sizeof(pages));
}

void user_share_sweep(const struct user_share *share)
{
	const uint64_t nothing = 0;
	uint64_t pages;

	for (unsigned int i = 0; i < WORDS; i++) {
		if (i == share->own || guard_copy(&pages, share->words + i, sizeof(pages)) ||
		    !pages || change_lock(share->fd, F_WRLCK, i, 1))
			continue;
		(void)guard_copy(share->words + i, &nothing, sizeof(nothing));
		(void)change_lock(share->fd, F_UNLCK, i, 1);
	}
}

void user_share_remove(const char *directory, uint32_t uid)
{
	char name[PATH_MAX];
	struct stat st;
	int fd;

	if (format_name(name, directory, uid))
		return;
	fd = sys_open(name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!sys_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) && is_private(&st, uid) &&
	    !change_lock(fd, F_WRLCK, 0, 0) && is_named(fd, name))
		(void)sys_call(SYS_unlinkat, AT_FDCWD, (long)name, 0, 0, 0, 0);
	(void)sys_close(fd);
}
