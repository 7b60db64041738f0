/* SPDX-License-Identifier: MIT */
/* What the programs that copy a file have in common, whatever device copies for them. */
#ifndef EXAMPLES_FILES_H
#define EXAMPLES_FILES_H

#include <stddef.h>

/* Says what is wrong, and ends the program. */
void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...);

/*
 * A descriptor of the file at @path, which is not empty; *@len is its length, but at most @limit.
 */
int file_open(const char *path, size_t limit, size_t *len);

/* Reads @len bytes of it. */
void file_read(int fd, void *to, size_t len);

/* Makes @path a file of these bytes. */
void file_write(const char *path, const void *from, size_t len);

/* Now, for differences. */
double seconds(void);

#endif
