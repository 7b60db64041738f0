/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that programs have of emulated files.
 *
 * Each open file description of the program is one end of a pair of sockets, and the server keeps
 * the other. The inode of the program's end tells which file it is, in whichever process and under
 * whichever number it is found; the kernel does the rest: dup, fork, exec, SCM_RIGHTS, close. When
 * the last copy is closed, the server's end hangs up and the file loses its reference.
 *
 * The end of a file that is not always ready to be read holds an empty message while it is.
 *
 * Thread-safe. The lock is a leaf (LOCK_SERVER); files are put without it.
 */
#ifndef SERVER_OPENED_H
#define SERVER_OPENED_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/file.h"
#include "preload/process/path_names.h"

/* Starts the thread that waits for hang-ups. 0 or a negative errno. */
int opened_start(void);

/*
 * A new description of @file, as @node, or NODE_NONE if it has no name. @writer has opened it, if
 * what is written to it under any number is carried out (late_write.h); else NULL. On success it
 * takes over the caller's reference, and the caller owns *@fd, the program's end: closing the last
 * copy of it drops the reference. 0 or a negative errno.
 */
int opened_make(struct uiommufd_file *file, struct node node, struct uiommufd_caller *writer,
		int *fd);

/* The file whose program's end is @st, with a new reference; NULL: it is none. */
struct uiommufd_file *opened_find(const struct stat *st, struct node *node);

/* What stat() shows of the description @st is @shown, a regular file. False: its node says it. */
void opened_show_as(const struct stat *st, const struct stat *shown);
bool opened_is_shown_as(const struct stat *st, struct stat *shown);

/* The description @st is open for @access, of O_ACCMODE: for both, if nothing else is said. */
void opened_set_access(const struct stat *st, int access);

/* The flags (F_GETFL) of the file of description @st, whose socket has @flags. */
long opened_flags(const struct stat *st, long flags);

/* Whether it is open for reading, or for writing; true of what is none. */
bool opened_may(const struct stat *st, bool write);

/* Whether @st is a program's end; and of a file whose writer is known. */
bool opened_has(const struct stat *st);
bool opened_has_writer(const struct stat *st);

/* Drops the reference of the description @st now: its program must not use it any more. */
void opened_forget(const struct stat *st);

/*
 * Drops the references of all descriptions whose last copy has been closed. A program that has
 * closed a file and makes its next call has closed it.
 */
void opened_drain(void);

/*
 * What has been written to files of sysfs under any number is carried out, unless that takes more
 * than @ms milliseconds.
 */
void opened_settle_writes(unsigned int ms);

/* The program has the description @st under the number @fd, where it is looked for. */
void opened_numbered(const struct stat *st, int fd);

/*
 * What @caller polls is as it is: each description that has a readiness of its own (event queues)
 * is readable if there is something to read. With NULL only what has become readable is shown.
 */
void opened_settle(struct uiommufd_caller *caller);

#endif
