/* SPDX-License-Identifier: MIT */
/*
 * The machine in a process of its own, for programs that cannot load the preload library: static
 * ones. The process that starts such a program serves it. It answers the system calls that concern
 * the machine (server/filter.h); the rest of the program's calls are the kernel's.
 *
 * What works, what does not, and what it costs: docs/shared.md.
 */
#ifndef SERVER_PROGRAM_SERVER_H
#define SERVER_PROGRAM_SERVER_H

#include <stdbool.h>

/*
 * Prepares the machine that is described in the shadow root @root (copied), which answers who asks
 * it from now on. @lasts: others may join it and end it (server/control_socket.h). 0, or a negative
 * errno; what is wrong has been logged.
 *
 * Context: once in a process.
 */
int server_begin(const char *root, bool lasts);

/*
 * A thread waits for a program. Returns the descriptor that the program's process gives to
 * server_enter() (close-on-exec), or a negative errno.
 */
int server_channel(void);

/* The same for the other end of @channel, taken, where the program's process has one. */
int server_take(int channel);

/*
 * In the process that will execute the program: from now on it, and all that it starts, are served.
 * 0, or a negative errno, which has been logged. Changes no memory, so that the child of a vfork(2)
 * may call it.
 */
int server_enter(int channel);

/* How many programs are served, or are about to be, with what they have started. */
unsigned int server_programs(void);

/* Sends all programs the signal @signo. */
void server_signal(int signo);

/* All programs have ended: closes what they had open. */
void server_finish(void);

#endif
