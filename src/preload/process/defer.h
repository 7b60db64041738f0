/* SPDX-License-Identifier: MIT */
/*
 * The program's signal handlers wait until the call that they interrupt is over, as they do for a
 * call of the kernel. A handler may call the engine, or jump out and never come back, and neither
 * may happen while a lock is held.
 */
#ifndef PRELOAD_PROCESS_DEFER_H
#define PRELOAD_PROCESS_DEFER_H

#include <signal.h>
#include <stdbool.h>

/* Whether handlers of @signo can wait: not those of faults, nor what no program can catch. */
bool defer_covers(int signo);

/* sigaction() of such a signal. 0 or a negative errno. */
int defer_sigaction(int signo, const struct sigaction *act, struct sigaction *old);

/* Set while a signal of this thread waits. */
extern __thread bool defer_waiting __attribute__((tls_model("initial-exec")));

/* The thread has left the engine: the signal that waits is delivered. May not return. */
void defer_deliver(void);

/* In the child of a fork, which its parent's signals are not for. */
void defer_after_fork(void);

#endif
