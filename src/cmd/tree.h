/* SPDX-License-Identifier: MIT */
/*
 * A temporary directory: created, filled with files and links, removed.
 *
 * The first failure is kept in tree.error, and later calls do nothing: look at it once, at the end.
 */
#ifndef CMD_TREE_H
#define CMD_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree {
	char root[256];	     /* canonical; "": there is none */
	int error;	     /* 0 or a negative errno */
	mode_t umask;	     /* the bits that the system takes away from the mode of a new file */
	char what[PATH_MAX]; /* path that failed */
	char made[PATH_MAX]; /* the directory above the last path, which is there */
};

/*
 * Creates an empty, private directory in the first that works of XDG_RUNTIME_DIR, TMPDIR, what is
 * in memory of root's /run and /dev/shm, and /tmp. With a @name, tree_find() finds it; one that is
 * there already is -EEXIST.
 */
void tree_create(struct tree *tree, const char *name);

/* Says what has failed, and where. */
void tree_complain(const struct tree *tree);

/* Lets @tree be the one at @root, which is there. False: the path is too long. */
bool tree_open(struct tree *tree, const char *root);

/*
 * Finds the tree @name, in any of those directories: @path. -ENOENT: there is none; -EACCES: it is
 * another user's, or others may change it.
 */
int tree_find(const char *name, char path[PATH_MAX]);

/* Calls @found for each name that a tree of this user has, once or several times. */
void tree_list(void (*found)(const char *name));

/* Whether a tree can have that name: letters, digits, '-', '_' and '.' but not in front. */
bool tree_is_name(const char *name);

/* Removes it with its content; does not follow links. */
void tree_remove(struct tree *tree);

/* Paths are relative to the tree, as if it were "/". Missing parents are created. */
void tree_dir(struct tree *tree, const char *path, mode_t mode);
void tree_bytes(struct tree *tree, const char *path, mode_t mode, const void *bytes, size_t len);
void tree_sized(struct tree *tree, const char *path, mode_t mode, uint64_t size); /* of zeros */
void tree_text(struct tree *tree, const char *path, mode_t mode, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A link at @path with exactly @text. */
void tree_link_text(struct tree *tree, const char *path, const char *text);

/* A link at @path to @target, as a relative path like those of sysfs. */
void tree_link(struct tree *tree, const char *path, const char *target);

/* Records the failure @error of @path, unless there was one. */
void tree_fail(struct tree *tree, int error, const char *path);

/* The real path of @path. */
void tree_real_path(const struct tree *tree, const char *path, char real[PATH_MAX]);

#endif
