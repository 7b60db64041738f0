/* SPDX-License-Identifier: MIT */
/*
 * A temporary directory that is filled with files and links, and removed.
 *
 * The first failure is remembered, and makes everything after it do nothing: look at tree.error at
 * the end.
 */
#ifndef CMD_TREE_H
#define CMD_TREE_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct tree {
	char root[256];	     /* canonical; "": there is none */
	int error;	     /* 0 or a negative errno */
	char what[PATH_MAX]; /* what it was about */
};

/*
 * An empty, private directory, in the first of XDG_RUNTIME_DIR, TMPDIR and /tmp that will have it.
 */
void tree_create(struct tree *tree);

/* Removes it with all that is in it; what links lead to stays. */
void tree_remove(struct tree *tree);

/* Paths are as if the tree were the root directory. Missing parents are made. */
void tree_dir(struct tree *tree, const char *path, mode_t mode);
void tree_bytes(struct tree *tree, const char *path, mode_t mode, const void *bytes, size_t len);
void tree_text(struct tree *tree, const char *path, mode_t mode, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A link at @path with exactly @text. */
void tree_link_text(struct tree *tree, const char *path, const char *text);

/* A link at @path to @target, relative as sysfs has them. */
void tree_link(struct tree *tree, const char *path, const char *target);

/* Remembers a failure with @path. */
void tree_fail(struct tree *tree, int error, const char *path);

/* The path of @path outside of the tree. */
void tree_real_path(const struct tree *tree, const char *path, char real[PATH_MAX]);

#endif
