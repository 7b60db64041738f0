/* SPDX-License-Identifier: MIT */
/* What the programs that copy a file share, whichever device copies. */
#ifndef EXAMPLES_FILES_H
#define EXAMPLES_FILES_H

#include <stddef.h>

/* Prints what is wrong, and ends the program with status 1. */
void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...);

/*
 * Opens the regular file at @path, which must not be empty, and returns its descriptor. *@len is
 * its length, at most @limit.
 */
int file_open(const char *path, size_t limit, size_t *len);

/* Reads exactly @len bytes of @fd. */
void file_read(int fd, void *to, size_t len);

/* Writes @len bytes to a new file at @path. */
void file_write(const char *path, const void *from, size_t len);

/* Returns the time in seconds, to take differences of. */
double seconds(void);

#endif
