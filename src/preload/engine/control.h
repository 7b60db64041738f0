/* SPDX-License-Identifier: MIT */
/*
 * The thread that answers `uiommufd show`, `lookup` and `dump`, on a socket in the shadow root
 * (preload/start/layout.h): inspect/inquiry.h has the requests; those about devices
 * (device_requests.h) are sent by other processes of the run, too.
 *
 * It is a thread because nothing else leaves the program alone: a signal would interrupt its system
 * calls, or stay blocked for ever, and shared memory that the engine keeps up to date would cost
 * each call. The thread takes no signal, and has a descriptor table, a current directory and a
 * umask of its own, so it uses none of the program's numbers, a program that closes all descriptors
 * does not close its own, and a fork does not copy them. A process has the thread from its first
 * open of something emulated on; a child from its first call into the engine on.
 */
#ifndef PRELOAD_ENGINE_CONTROL_H
#define PRELOAD_ENGINE_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Starts the thread if the run has a directory for sockets. A failure is not reported: the program
 * works without it.
 */
void control_start(void);

/* In the child of a fork: the thread is to be started again. */
void control_fork_child(void);

extern _Atomic bool control_wanted;

/* In each call into the engine: starts the thread in a child that has none yet. One load. */
static inline void control_check(void)
{
	if (__builtin_expect(atomic_load_explicit(&control_wanted, memory_order_relaxed), 0))
		control_start();
}

#endif
