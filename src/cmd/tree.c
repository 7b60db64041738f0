/* SPDX-License-Identifier: MIT */
/* See tree.h. */
#include "cmd/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "preload/start/layout.h"

/* How the names of directories of machines with a name begin. */
#define TREE_NAMED LAYOUT_PREFIX "machine-"

/*
 * Root's file system in memory; everybody's is LAYOUT_MEMORY. On a disk's, the some 300 files and
 * directories of a tree take several times as long to make and to remove as all else that a run
 * does. ext4 looks for inodes that were not freed in the last seconds, so each run takes longer
 * than the one before it.
 */
#define TREE_ROOT_MEMORY "/run"

enum {
	TREE_SPACE = 16 << 20, /* bytes that must be free there: containers may have little */
	LONGEST_NAME = 64,
};

void tree_fail(struct tree *tree, int error, const char *path)
{
	if (tree->error)
		return;
	tree->error = error;
	snprintf(tree->what, sizeof(tree->what), "%s", path);
}

void tree_complain(const struct tree *tree)
{
	const bool elsewhere = tree->error == -ENOSPC || tree->error == -EDQUOT ||
			       tree->error == -EROFS || tree->error == -EACCES;

	cmd_complain("cannot lay out the emulated system%s%s: %s: %s%s",
		     tree->root[0] ? " in " : "", tree->root, tree->what, strerror(-tree->error),
		     elsewhere ? "; TMPDIR can name another folder" : "");
}

void tree_real_path(const struct tree *tree, const char *path, char real[PATH_MAX])
{
	snprintf(real, PATH_MAX, "%s%s", tree->root, path);
}

/* Empties the directory @fd, and closes it. */
static void remove_entries(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		int below;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type != DT_DIR && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		below = openat(dirfd(dir), entry->d_name,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			continue;
		remove_entries(below);
		unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

/* ---- where it may be ---- */

/*
 * Whether @user can trust @parent: nobody else can rename what is in it. *@open_to_all: and any
 * user can reach what is in it.
 */
static bool is_trusted(const char *parent, uid_t user, bool *open_to_all)
{
	char path[PATH_MAX];
	struct stat st;

	*open_to_all = true;
	if (!parent || parent[0] != '/' || !realpath(parent, path))
		return false;
	for (char *end = path + strlen(path);; end = strrchr(path, '/')) {
		*end = '\0';
		if (stat(path[0] ? path : "/", &st) || !S_ISDIR(st.st_mode))
			return false;
		if (st.st_uid != user && st.st_uid != 0)
			return false;
		if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
			return false;
		if (!(st.st_mode & S_IXOTH))
			*open_to_all = false;
		if (!path[0])
			return true;
	}
}

/* ---- what earlier runs have left ---- */

/* Whether a process that has answered `uiommufd show` in the tree @fd is still there. */
static bool has_process(int fd)
{
	int control = openat(fd, LAYOUT_CONTROL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = control >= 0 ? fdopendir(control) : NULL;
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		found = pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Removes the tree @name in @parent if the run that made it is over, which its lock tells. */
static void sweep(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int lock;

	if (fd < 0)
		return;
	lock = openat(fd, LAYOUT_LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (lock < 0 || fstat(fd, &st) || st.st_uid != geteuid() ||
	    flock(lock, LOCK_EX | LOCK_NB) || has_process(fd)) {
		close(fd);
	} else {
		remove_entries(fd);
		unlinkat(parent, name, AT_REMOVEDIR);
	}
	if (lock >= 0)
		close(lock);
}

static void sweep_all(const char *parent)
{
	DIR *dir = opendir(parent);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) == 0)
			sweep(dirfd(dir), entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* ---- making and removing one ---- */

/*
 * Takes the lock that says that the tree is in use, as long as a process of the run is there. It
 * gets its name when it is held: one that another run could take first would tell it that this one
 * is over.
 */
static int lock_tree(const struct tree *tree)
{
	char path[PATH_MAX], held[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/" LAYOUT_LOCK ".new", tree->root);
	snprintf(held, sizeof(held), "%s/" LAYOUT_LOCK, tree->root);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 || flock(fd, LOCK_EX) || rename(path, held) ? -errno : 0;
}

/* Makes a directory in @parent: @path. False: errno says why not. */
static bool make_directory(const char *parent, const char *name, char path[PATH_MAX])
{
	if (name) {
		snprintf(path, PATH_MAX, "%s/" TREE_NAMED "%s", parent, name);
		return mkdir(path, 0700) == 0;
	}
	snprintf(path, PATH_MAX, "%s/" LAYOUT_PREFIX "XXXXXX", parent);
	return mkdtemp(path);
}

static bool create_below(struct tree *tree, const char *parent, const char *name)
{
	char template[PATH_MAX];
	char canonical[PATH_MAX];
	bool open_to_all;

	if (!is_trusted(parent, geteuid(), &open_to_all) ||
	    strlen(parent) > sizeof(tree->root) - LONGEST_NAME - sizeof(TREE_NAMED) - 1)
		return false;
	sweep_all(parent);
	if (!make_directory(parent, name, template)) {
		tree_fail(tree, -errno, parent);
		return tree->error == -EEXIST;
	}
	if (!realpath(template, canonical) || strlen(canonical) >= sizeof(tree->root)) {
		tree_fail(tree, -ENAMETOOLONG, template);
		rmdir(template);
		return false;
	}
	strcpy(tree->root, canonical);
	/*
	 * A program that gives up root goes on to see the machine; the files have rights of their
	 * own.
	 */
	tree->error = geteuid() == 0 && chmod(canonical, 0755) ? -errno : lock_tree(tree);
	return true;
}

/* Whether @path is in memory, with enough of it left. */
static bool is_memory(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC &&
	       fs.f_bavail >= TREE_SPACE / (uint64_t)fs.f_bsize;
}

/*
 * Whether what a process has in LAYOUT_MEMORY stays there: where systemd runs the sessions, it
 * removes it when the user logs out (RemoveIPC), unless that is root.
 */
static bool is_kept_in_memory(void)
{
	return geteuid() == 0 || access("/run/systemd/system", F_OK) != 0;
}

bool tree_open(struct tree *tree, const char *root)
{
	tree->made[0] = '\0';
	tree->error = 0;
	tree->umask = umask(0);
	umask(tree->umask);
	return snprintf(tree->root, sizeof(tree->root), "%s", root) < (int)sizeof(tree->root);
}

void tree_create(struct tree *tree, const char *name)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	bool open_to_all;

	(void)tree_open(tree, "");
	/* A program that gives up root is to reach it, too. */
	if (geteuid() == 0 && is_trusted(runtime, geteuid(), &open_to_all) && !open_to_all)
		runtime = NULL;
	if (create_below(tree, runtime, name) || create_below(tree, getenv("TMPDIR"), name))
		return;
	if (geteuid() == 0 && is_memory(TREE_ROOT_MEMORY) &&
	    create_below(tree, TREE_ROOT_MEMORY, name))
		return;
	if (is_kept_in_memory() && is_memory(LAYOUT_MEMORY) &&
	    create_below(tree, LAYOUT_MEMORY, name))
		return;
	if (!create_below(tree, "/tmp", name) && !tree->error)
		tree_fail(tree, -EACCES,
			  "no directory is safe for it: not $XDG_RUNTIME_DIR, not "
			  "$TMPDIR, not " LAYOUT_MEMORY ", not /tmp");
}

bool tree_is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	const size_t len = strlen(name);

	return len && len <= LONGEST_NAME && name[0] != '.' && !name[strspn(name, letters)];
}

/* Whether the tree @name is in @parent. 0, -ENOENT or -EACCES. */
static int find_below(const char *parent, const char *name, char path[PATH_MAX])
{
	struct stat st;
	bool unused;

	if (!parent || snprintf(path, PATH_MAX, "%s/" TREE_NAMED "%s", parent, name) >= PATH_MAX ||
	    lstat(path, &st))
		return -ENOENT;
	if (!S_ISDIR(st.st_mode) || st.st_mode & (S_IWGRP | S_IWOTH) ||
	    (st.st_uid != geteuid() && geteuid() != 0) || !is_trusted(parent, st.st_uid, &unused))
		return -EACCES;
	return 0;
}

/* Where trees with a name are looked for; the members may be NULL. @user: room for one of them. */
enum {
	PARENTS = 6,
	USER_SIZE = 32,
};

static void list_parents(const char *parents[PARENTS], char user[USER_SIZE])
{
	snprintf(user, USER_SIZE, "/run/user/%u", (unsigned int)geteuid());
	parents[0] = getenv("XDG_RUNTIME_DIR");
	parents[1] = getenv("TMPDIR");
	parents[2] = TREE_ROOT_MEMORY;
	parents[3] = LAYOUT_MEMORY;
	parents[4] = "/tmp";
	parents[5] = user;
}

int tree_find(const char *name, char path[PATH_MAX])
{
	const char *parents[PARENTS];
	char user[USER_SIZE];
	bool denied = false;

	list_parents(parents, user);
	for (size_t i = 0; tree_is_name(name) && i < PARENTS; i++) {
		int found = find_below(parents[i], name, path);

		if (!found)
			return 0;
		denied |= found == -EACCES;
	}
	return denied ? -EACCES : -ENOENT;
}

void tree_list(void (*found)(const char *name))
{
	const size_t len = strlen(TREE_NAMED);
	const char *parents[PARENTS];
	char user[USER_SIZE], path[PATH_MAX];

	list_parents(parents, user);
	for (size_t i = 0; i < PARENTS; i++) {
		DIR *dir = parents[i] ? opendir(parents[i]) : NULL;
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			const char *name = entry->d_name + len;

			if (strncmp(entry->d_name, TREE_NAMED, len) == 0 && tree_is_name(name) &&
			    find_below(parents[i], name, path) == 0)
				found(name);
		}
		if (dir)
			closedir(dir);
	}
}

void tree_remove(struct tree *tree)
{
	int fd;

	if (!tree->root[0])
		return;
	fd = open(tree->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		remove_entries(fd);
	rmdir(tree->root);
	tree->root[0] = '\0';
}

/* How many bytes of @real name directories that are in tree->made, too: they exist. */
static size_t known_parents(const struct tree *tree, const char *real)
{
	size_t known = strlen(tree->root);

	for (size_t i = known; tree->made[i] && tree->made[i] == real[i]; i++) {
		const char next = tree->made[i + 1];

		if (real[i + 1] == '/' && (next == '/' || next == '\0'))
			known = i + 1;
	}
	return known;
}

/*
 * Creates the directories above the last component of @real, which is below the root. Most paths
 * are in the same directory as the one before, or near it.
 */
static int make_parents(struct tree *tree, char *real)
{
	const size_t len = (size_t)(strrchr(real, '/') - real);
	char *slash = real + (tree->made[0] ? known_parents(tree, real) : strlen(tree->root));

	if ((size_t)(slash - real) == len && tree->made[0])
		return 0;
	while ((slash = strchr(slash + 1, '/'))) {
		int failed;

		*slash = '\0';
		failed = mkdir(real, 0755);
		*slash = '/';
		if (failed && errno != EEXIST)
			return -errno;
	}
	memcpy(tree->made, real, len);
	tree->made[len] = '\0';
	return 0;
}

/*
 * Prepares the creation of @path: @real is its real path. False: there was a failure, now or
 * before.
 */
static bool begin(struct tree *tree, const char *path, char real[PATH_MAX])
{
	int rc;

	if (tree->error)
		return false;
	tree_real_path(tree, path, real);
	rc = make_parents(tree, real);
	if (rc)
		tree_fail(tree, rc, path);
	return !rc;
}

void tree_dir(struct tree *tree, const char *path, mode_t mode)
{
	char real[PATH_MAX];

	if (begin(tree, path, real) && mkdir(real, mode) && errno != EEXIST)
		tree_fail(tree, -errno, path);
}

void tree_bytes(struct tree *tree, const char *path, mode_t mode, const void *bytes, size_t len)
{
	char real[PATH_MAX];
	int fd;

	if (!begin(tree, path, real))
		return;
	fd = open(real, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0) {
		tree_fail(tree, -errno, path);
		return;
	}
	errno = ENOSPC;
	if ((len && write(fd, bytes, len) != (ssize_t)len) ||
	    (mode & tree->umask && fchmod(fd, mode)))
		tree_fail(tree, -errno, path);
	close(fd);
}

void tree_sized(struct tree *tree, const char *path, mode_t mode, uint64_t size)
{
	char real[PATH_MAX];

	tree_bytes(tree, path, mode, "", 0);
	if (tree->error)
		return;
	tree_real_path(tree, path, real);
	if (truncate(real, (off_t)size))
		tree_fail(tree, -errno, path);
}

void tree_text(struct tree *tree, const char *path, mode_t mode, const char *format, ...)
{
	char text[4096];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		tree_fail(tree, -EFBIG, path);
	else
		tree_bytes(tree, path, mode, text, (size_t)len);
}

void tree_link_text(struct tree *tree, const char *path, const char *text)
{
	char real[PATH_MAX];

	if (begin(tree, path, real) && symlink(text, real))
		tree_fail(tree, -errno, path);
}

void tree_link(struct tree *tree, const char *path, const char *target)
{
	char text[PATH_MAX] = "";
	size_t common = 0;
	size_t len = 0;

	/* The common prefix, in whole components. */
	for (size_t i = 0; path[i] && path[i] == target[i]; i++) {
		if (path[i] == '/')
			common = i + 1;
	}
	for (const char *p = path + common; (p = strchr(p, '/')); p++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "../");
	snprintf(text + len, sizeof(text) - len, "%s", target + common);
	tree_link_text(tree, path, text);
}
