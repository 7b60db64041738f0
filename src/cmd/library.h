/* SPDX-License-Identifier: MIT */
/* Where the preload library of this executable is. */
#ifndef CMD_LIBRARY_H
#define CMD_LIBRARY_H

#include <limits.h>

/*
 * The absolute path of the library that is loaded into programs. An errno: it is nowhere, and @path
 * is where it should have been installed.
 */
int library_find(char path[PATH_MAX]);

#endif
