/* SPDX-License-Identifier: MIT */
/* The programs of runs on this system that answer (preload/engine/control.h). */
#ifndef CMD_PEER_H
#define CMD_PEER_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The process to ask: @text is its PID, or that of a parent of it, the run for instance; NULL: the
 * only one there is. 0 and *@pid, or an exit status, after saying what is wrong.
 */
int peer_find(const char *text, pid_t *pid);

/*
 * Sends the line @request to @pid. The answer (free() it) and its length; NULL after saying what is
 * wrong: what is asked for is called @what there.
 */
char *peer_ask(pid_t pid, const char *request, const char *what, size_t *len);

#endif
