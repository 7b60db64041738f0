/* SPDX-License-Identifier: MIT */
/*
 * The socket in the shadow root on which the server of a machine is asked (inspect/inquiry.h), by
 * processes of its user and of root.
 */
#ifndef SERVER_CONTROL_SOCKET_H
#define SERVER_CONTROL_SOCKET_H

/*
 * Starts the thread that answers, on a socket in the shadow root @root. @join: the machine is not
 * there for one program, and two more requests are made of it:
 *
 * 	join	from now on the connection is a channel, which @join takes if it returns 0
 * 	stop	the machine is to end: this process gets SIGTERM
 *
 * NULL: it ends with its program. 0 or a negative errno.
 *
 * Context: once in a process.
 */
int control_socket_start(const char *root, int (*join)(int channel));

/* The shadow root is left alone from now on. */
void control_socket_finish(void);

#endif
