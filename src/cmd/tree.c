/* SPDX-License-Identifier: MIT */
/* See tree.h. */
#include "cmd/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tree_fail(struct tree *tree, int error, const char *path)
{
	if (tree->error)
		return;
	tree->error = error;
	snprintf(tree->what, sizeof(tree->what), "%s", path);
}

void tree_real_path(const struct tree *tree, const char *path, char real[PATH_MAX])
{
	snprintf(real, PATH_MAX, "%s%s", tree->root, path);
}

static bool create_below(struct tree *tree, const char *parent)
{
	char template[PATH_MAX];
	char canonical[PATH_MAX];

	if (!parent || parent[0] != '/' || strlen(parent) > sizeof(tree->root) - 32)
		return false;
	snprintf(template, sizeof(template), "%s/uiommufd-XXXXXX", parent);
	if (!mkdtemp(template)) {
		tree_fail(tree, -errno, parent);
		return false;
	}
	if (!realpath(template, canonical) || strlen(canonical) >= sizeof(tree->root)) {
		tree_fail(tree, -ENAMETOOLONG, template);
		rmdir(template);
		return false;
	}
	strcpy(tree->root, canonical);
	tree->error = 0;
	return true;
}

void tree_create(struct tree *tree)
{
	tree->root[0] = '\0';
	tree->error = 0;
	if (create_below(tree, getenv("XDG_RUNTIME_DIR")) || create_below(tree, getenv("TMPDIR")))
		return;
	create_below(tree, "/tmp");
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
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
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

/* Creates the directories above the last component of @real, which is below the root. */
static int make_parents(const struct tree *tree, char *real)
{
	char *slash = real + strlen(tree->root);

	while ((slash = strchr(slash + 1, '/'))) {
		int failed;

		*slash = '\0';
		failed = mkdir(real, 0755);
		*slash = '/';
		if (failed && errno != EEXIST)
			return -errno;
	}
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

void tree_dir(struct tree *tree, const char *path)
{
	char real[PATH_MAX];

	if (begin(tree, path, real) && mkdir(real, 0755) && errno != EEXIST)
		tree_fail(tree, -errno, path);
}

void tree_bytes(struct tree *tree, const char *path, mode_t mode, const void *bytes, size_t len)
{
	char real[PATH_MAX];
	int fd;

	if (!begin(tree, path, real))
		return;
	fd = open(real, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		tree_fail(tree, -errno, path);
		return;
	}
	errno = ENOSPC;
	if (write(fd, bytes, len) != (ssize_t)len || fchmod(fd, mode))
		tree_fail(tree, -errno, path);
	close(fd);
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
