/* SPDX-License-Identifier: MIT */
/*
 * The socket in the shadow root on which the server of a machine is asked (inspect/inquiry.h), by
 * processes of its user and of root.
 */
#ifndef SERVER_CONTROL_SOCKET_H
#define SERVER_CONTROL_SOCKET_H

/*
 * Starts the thread that answers, on a socket in the shadow root @root. 0 or a negative errno.
 *
 * Context: once in a process.
 */
int control_socket_start(const char *root);

#endif
