/* SPDX-License-Identifier: MIT */
/*
 * Which of the program's descriptors are emulated: descriptor -> open file description.
 *
 * Behind each emulated descriptor is a real one (a placeholder), so numbers are the kernel's, and
 * whatever is not about the file itself (poll, close-on-exec, /proc/self/fd) works natively. This
 * table follows what happens to the numbers.
 *
 * Every function may be called from any thread and in a signal handler, takes no lock and allocates
 * only by mmap. A lookup of a descriptor that is not ours is one or two loads.
 */
#ifndef PRELOAD_PROCESS_FDTABLE_H
#define PRELOAD_PROCESS_FDTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "preload/process/path.h"

/* An open file description: shared by dup. */
struct description {
	struct uiommufd_file *file;
	int access;	  /* O_RDONLY, O_WRONLY or O_RDWR */
	struct node node; /* what stat says */
};

/*
 * A description of @file (whose reference it takes over), with one reference. NULL: too many are
 * open; @file stays the caller's.
 */
struct description *description_create(struct uiommufd_file *file, int access, struct node node);
struct description *description_get(struct description *description);

/* The last put drops the file. */
void description_put(struct description *description);

/* The description of @fd with a reference, or NULL. */
struct description *fdtable_get(int fd);

/* True if @fd is emulated at this moment. */
bool fdtable_has(int fd);

/*
 * Makes @fd stand for @description (NULL: for nothing), and returns what it stood for, for the
 * caller to put. Takes over a reference. Only where fdtable_room() has been true.
 */
struct description *fdtable_exchange(int fd, struct description *description);

/* Makes sure that @fd has a place in the table. False: no memory, or too large a number. */
bool fdtable_room(int fd);

/* The lowest descriptor from @from to @last that is emulated, or -1. */
int fdtable_next(unsigned int from, unsigned int last);

/*
 * What is known of a directory that @fd may be. A hint: a number may have been closed and opened
 * again behind our back, so whoever cares looks.
 */
enum path_hint fdtable_hint(int fd);
void fdtable_set_hint(int fd, enum path_hint hint);

#endif
