/* SPDX-License-Identifier: MIT */
/*
 * Which of the program's descriptors are emulated: descriptor -> open file description.
 *
 * Behind each emulated descriptor is a real one, a placeholder, so numbers are the kernel's, and
 * what does not concern the file itself (poll, close-on-exec, /proc/self/fd) works natively. This
 * table follows what happens to the numbers.
 *
 * Context: any thread, any signal handler; no locks, and memory is from mmap. Cost of looking up a
 * descriptor that is not emulated: one or two loads.
 */
#ifndef PRELOAD_PROCESS_FDTABLE_H
#define PRELOAD_PROCESS_FDTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "base/sys.h"
#include "preload/process/path.h"
#include "report/origin.h"

/* An open file description, which duplicates of a descriptor share. */
struct description {
	struct uiommufd_file *file; /* a reference */
	int access;		    /* O_RDONLY, O_WRONLY or O_RDWR */
	struct node node;	    /* what stat() says */
	struct origin opened;	    /* by which call; while recording */
};

/*
 * A description of @file with one reference, which the caller owns. Takes the reference of @file.
 * NULL: too many are open; the reference of @file stays the caller's.
 */
struct description *description_create(struct uiommufd_file *file, int access, struct node node);

/* Takes one more reference; returns @description. */
struct description *description_get(struct description *description);

/* Gives a reference back. The last one puts the file, which may run its release operation. */
void description_put(struct description *description);

/* The description of @fd with a reference, owned by the caller; NULL if @fd is not emulated. */
struct description *fdtable_get(int fd);

/* Whether @fd is emulated at this moment. */
GENERAL_REGISTERS bool fdtable_has(int fd);

/*
 * Makes @fd stand for @description, whose reference it takes (NULL: for nothing). Returns what it
 * stood for: a reference that the caller owns, or NULL. A description needs fdtable_reserve(@fd)
 * before.
 */
struct description *fdtable_exchange(int fd, struct description *description);

/*
 * The same for nothing, around the system call that closes @fd: look-ups of other threads wait for
 * fdtable_close_end(). Context: inside the engine, where no handler of a signal may look it up.
 */
struct description *fdtable_close_begin(int fd);
void fdtable_close_end(int fd);

/*
 * In the child of a fork: what another thread was closing then is closed. A fork waits for such
 * calls, but not for that of a thread for which there was no memory to be counted.
 */
void fdtable_fork_child(void);

/* Makes sure that the table has a slot for @fd. False: no memory, or too large a number. */
bool fdtable_reserve(int fd);

/* The lowest emulated descriptor in [@from, @last], or -1. */
int fdtable_next(unsigned int from, unsigned int last);

/*
 * What is known of a directory that @fd may be open on. Only a hint: the number may have been
 * closed and opened again by a call that we did not see, so what depends on it asks the kernel for
 * the name.
 */
GENERAL_REGISTERS enum path_hint fdtable_hint(int fd);
void fdtable_set_hint(int fd, enum path_hint hint);

#endif
