/* SPDX-License-Identifier: MIT */
/*
 * Sections of a thread in which nothing of the program runs: its signal handlers wait until the
 * section is over, as they do for a system call, and the thread is not cancelled. Every call into
 * the engine is such a section. A handler may call the engine, or jump out and never come back, and
 * neither may happen while the thread holds a lock or a reference.
 *
 * Context: any thread, any signal handler; no locks.
 */
#ifndef PRELOAD_PROCESS_DEFER_H
#define PRELOAD_PROCESS_DEFER_H

#include <signal.h>
#include <stdbool.h>

#include "base/sys.h"

struct defer_section {
	int saved_errno;
	int cancel_state, cancel_type;
};

/* Begins a section; sections nest. */
void defer_begin(struct defer_section *section);

/*
 * Ends @section: errno is what it was at its beginning. At the end of the outermost section the
 * signal that waits is delivered, whose handler may not return.
 */
void defer_end(const struct defer_section *section);

/* Whether the calling thread is inside a section. */
GENERAL_REGISTERS bool defer_active(void);

/*
 * Whether handlers of @signo can wait: not those of synchronous faults, and not signals that no
 * program can catch.
 */
bool defer_covers(int signo);

/* sigaction() of a signal that defer_covers(). 0 or a negative errno. */
int defer_sigaction(int signo, const struct sigaction *act, struct sigaction *old);

/*
 * In the child of a fork, inside the section of the fork: drops a signal that waits, as it was sent
 * to the parent.
 */
void defer_fork_child(void);

#endif
