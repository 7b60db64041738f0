/* SPDX-License-Identifier: MIT */
/* The processes under `uiommufd run` on this system that answer requests (preload/control.h). */
#ifndef CMD_PEER_H
#define CMD_PEER_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Finds the process to ask. @text: its PID, or that of an ancestor such as `uiommufd run`; NULL:
 * the only process. Returns 0 and *@pid, or prints what is wrong and returns an exit status.
 */
int peer_find(const char *text, pid_t *pid);

/*
 * Sends the line @request to @pid. Returns the answer (the caller frees it) and its length; or
 * prints what is wrong, with @what as the name of what was asked for, and returns NULL.
 */
char *peer_ask(pid_t pid, const char *request, const char *what, size_t *len);

/*
 * Writes the shadow root of @pid to @root, @size bytes, as this process reaches it. 0 or -ENOENT.
 */
int peer_root(pid_t pid, char *root, size_t size);

#endif
