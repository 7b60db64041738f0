/* SPDX-License-Identifier: MIT */
/*
 * The socket in the shadow root on which the server of a machine is asked (inspect/inquiry.h), by
 * processes of its user and of root.
 */
#ifndef SERVER_CONTROL_SOCKET_H
#define SERVER_CONTROL_SOCKET_H

#include <stdbool.h>

/*
 * Starts the thread that answers, on a socket in the shadow root @root. @lasts: the machine is not
 * there for one program. Two more requests are made of it then:
 *
 * 	join	from now on the connection is a channel (server_take())
 * 	stop	the machine is to end: this process gets SIGTERM
 *
 * 0 or a negative errno.
 *
 * Context: once in a process.
 */
int control_socket_start(const char *root, bool lasts);

/* The shadow root is left alone from now on. */
void control_socket_finish(void);

#endif
