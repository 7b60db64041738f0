/* SPDX-License-Identifier: MIT */
/* What uiommufd says on stderr, for tests: it goes to a file that they can ask. */
#ifndef TESTS_LIB_REPORTED_H
#define TESTS_LIB_REPORTED_H

#include <stdbool.h>

/* Set-up and teardown of a group of tests that ask. */
int report_file_open(void **state);
int report_file_remove(void **state);

/* Forgets what was said. 0, or -1 if the file cannot be emptied. */
int report_file_clear(void);

/* Whether @text was said since then. */
bool reported(const char *text);

/* The same of what another thread is about to say: false after half a minute without it. */
bool reported_soon(const char *text);

#endif
