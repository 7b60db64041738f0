/* SPDX-License-Identifier: MIT */
/*
 * A file of /proc about the calling process that stays open, under a number that the program may
 * close or take behind our back, and that a fork hands on: a descriptor is recognised by its
 * process and inode.
 *
 * Context: one thread at a time for each.
 */
#ifndef MEM_KEPT_FILE_H
#define MEM_KEPT_FILE_H

#include <stdbool.h>
#include <sys/types.h>

struct kept_file {
	int fd; /* -1: none */
	pid_t pid;
	dev_t dev;
	ino_t ino;
};

#define KEPT_FILE_NONE   \
	{                \
		.fd = -1 \
	}

/* Whether @file->fd is what was opened, in this process. */
bool kept_file_is_open(const struct kept_file *file);

/*
 * Opens @path with @flags, unless @file is open already. If it cannot be opened, or the program has
 * confined itself (sys_confined()), there is none.
 */
void kept_file_open(struct kept_file *file, const char *path, int flags);

#endif
