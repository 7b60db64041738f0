/* SPDX-License-Identifier: MIT */
/*
 * The process that finds names for addresses in the programs of a run (report/symbols.h is the
 * other side). It is no child of the command's, so nothing waits for it or sees it.
 */
#ifndef CMD_SYMBOL_SERVER_H
#define CMD_SYMBOL_SERVER_H

/*
 * Starts it, with a socket at @path. It ends when the last process has closed the descriptor that
 * this returns; a negative errno: it does not run, and stacks have no names.
 */
int symbol_server_start(const char *path);

#endif
