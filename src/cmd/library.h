/* SPDX-License-Identifier: MIT */
/* Where the libraries of this executable are. */
#ifndef CMD_LIBRARY_H
#define CMD_LIBRARY_H

#include <limits.h>

/*
 * The absolute path of @library, a file name. An errno: it is nowhere, and @path is where it should
 * have been installed.
 */
int library_find(const char *library, char path[PATH_MAX]);

/* Says where the module of preload/trap/insn_other.h is; before server_begin(). */
void library_offer_instructions(void);

#endif
