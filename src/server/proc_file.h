/* SPDX-License-Identifier: MIT */
/* What /proc says of programs. */
#ifndef SERVER_PROC_FILE_H
#define SERVER_PROC_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
	PROC_FILE_NAME = 64, /* the kernel's names have 15 bytes, those of its own threads more */
};

/* /proc/ID, of a process or a thread: it means the same one for ever. Or a negative errno. */
int proc_file_open(pid_t id);

/*
 * The number in base @base behind @name in the file @file of the directory @proc; UINT64_MAX for
 * "unlimited". False: it cannot be read.
 */
bool proc_file_number(int proc, const char *file, const char *name, int base, uint64_t *value);

/*
 * What the process with the directory @proc may do with a file that @st describes: R_OK, W_OK and
 * X_OK. @real: by its real user, as access() tells; else as open() decides.
 */
int proc_file_rights(int proc, const struct stat *st, bool real);

/* Whether it is that file's owner. */
bool proc_file_owns(int proc, const struct stat *st);

/* The name of the process or thread with the directory @proc; "": it has ended. */
void proc_file_name(int proc, char name[PROC_FILE_NAME]);

/*
 * A descriptor of a copy of the status of @pid, in which @pinned pages are pinned, and @locked more
 * are locked than the system knows of. A negative errno: it cannot be made.
 */
int proc_file_status(pid_t pid, uint64_t pinned, uint64_t locked);

#endif
