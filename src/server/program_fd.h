/* SPDX-License-Identifier: MIT */
/* The descriptors of a program in another process, while a call of it waits. */
#ifndef SERVER_PROGRAM_FD_H
#define SERVER_PROGRAM_FD_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "preload/process/path_names.h"
#include "server/client.h"

/* What the program's descriptor @fd is open on. 0, or -EBADF. */
int program_fd_stat(const struct request *request, int fd, struct stat *st);

/*
 * The kernel's name of it; AT_FDCWD: of the current directory. Its length, or a negative errno. In
 * another root it is what the program calls it, if that begins with /dev or /sys; whether the
 * machine's are mounted there is to be looked at.
 */
int program_fd_name(const struct request *request, int fd, char name[PATH_MAX]);

/* A program changes its root, or what is mounted: from then on roots may differ. */
void program_fd_roots_differ(void);
bool program_fd_roots_may_differ(void);

/* The emulated file behind it, with a reference, and its node; NULL: it is none. */
struct uiommufd_file *program_fd_file(const struct request *request, int fd, struct node *node);

/*
 * Gives the program a duplicate of @fd, close-on-exec if @flags has O_CLOEXEC: the number that it
 * has there, the lowest that is free, or a negative errno. With @answer that number is the answer
 * to the call, at once: no signal comes between.
 */
int program_fd_give(const struct request *request, int fd, int flags, bool answer);

/*
 * The same, without @answer, for a description of the emulated @file: the number is one that the
 * filter stops (server/filter.h), @least or more. If none is free it is the lowest, or, with
 * @least, -EMFILE.
 */
int program_fd_give_emulated(const struct request *request, const struct uiommufd_file *file,
			     int fd, int flags, uint64_t least);

/* Whether only such numbers can be used: @file is read or written without a position. */
bool program_fd_needs_number(const struct uiommufd_file *file);

#endif
