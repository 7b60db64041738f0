/* SPDX-License-Identifier: MIT */
/* Names of files that the user gives for each process: "%p" is its ID, "%%" a "%". */
#ifndef REPORT_FILE_PATTERN_H
#define REPORT_FILE_PATTERN_H

#include <stdbool.h>

/* The name for this process, less than PATH_MAX bytes; free with alloc_free(). NULL: no memory. */
char *file_pattern_expand(const char *pattern);

/* Whether it is another name in each process. */
bool file_pattern_varies(const char *pattern);

#endif
