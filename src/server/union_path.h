/* SPDX-License-Identifier: MIT */
/*
 * Where a path of a program in another process leads: into the shadow root
 * (preload/start/layout.h), which lies over the emulated part of /dev and /sys, or to the real
 * system.
 *
 * Differs from the preload's walk (preload/process/path.h) in that it allocates nothing there and
 * must not fault here: the path is a copy, and its links are those of the server's file system.
 */
#ifndef SERVER_UNION_PATH_H
#define SERVER_UNION_PATH_H

#include <limits.h>
#include <stdbool.h>

#include "preload/process/path_names.h"

enum union_kind {
	UNION_FOREIGN,	/* nothing of ours: the kernel knows best */
	UNION_EMULATED, /* it is in the shadow root */
	UNION_MISSING,	/* it would be, and is not there */
	UNION_REAL,	/* it is of the real system, and the kernel would not find it by the path */
};

struct union_path {
	enum union_kind kind;
	int error;		   /* UNION_MISSING: a negative errno */
	bool has_directory;	   /* UNION_MISSING: only the last name is */
	struct node node;	   /* UNION_EMULATED */
	char name[PATH_MAX];	   /* absolute, without links of ours and dots */
	char shadow[2 * PATH_MAX]; /* the same in the shadow root */
};

/* The shadow root, canonical; borrowed. Context: before any other thread walks. */
void union_set_root(const char *root);

/* The part of @name behind the shadow root, "/" at least; NULL: it is not inside. */
const char *union_strip(const char *name);

/*
 * Walks @path, which the program means from the directory @from, the kernel's name of it; @from is
 * not used if @path is absolute. @follow: a link at the end is followed.
 */
void union_walk(struct union_path *result, const char *from, const char *path, bool follow);

#endif
