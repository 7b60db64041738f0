/* SPDX-License-Identifier: MIT */
/* Names of files that the user gives for each process: "%p" is its ID, "%%" a "%". */
#ifndef REPORT_FILE_PATTERN_H
#define REPORT_FILE_PATTERN_H

#include <limits.h>
#include <stdbool.h>

/* Writes the name for this process to @path; cuts what is too long. */
void file_pattern_expand(const char *pattern, char path[PATH_MAX]);

/* Whether it is another name in each process. */
bool file_pattern_varies(const char *pattern);

#endif
