/* SPDX-License-Identifier: MIT */
/*
 * The process that finds names for addresses in the programs of a run (report/symbols.h is the
 * other side). It is no child of the command's, so nothing waits for it or sees it.
 */
#ifndef CMD_SYMBOL_SERVER_H
#define CMD_SYMBOL_SERVER_H

struct symbol_server {
	int listener; /* negative: there is none, or its process has it */
	int life[2];  /* a pipe: the process ends when the last one has closed life[1] */
};

/*
 * Makes a socket at @path. A negative errno: there is none, and stacks have no names. Clients that
 * connect wait until symbol_server_start().
 */
int symbol_server_open(struct symbol_server *server, const char *path);

/*
 * Starts the process, if the listener is still there. Without memory for one, clients are
 * refused.
 */
void symbol_server_start(struct symbol_server *server);

/*
 * Closes the listener in this process, which goes on to be one of those that keep the server
 * alive.
 */
void symbol_server_forget(struct symbol_server *server);

#endif
