/* SPDX-License-Identifier: MIT */
/*
 * What `uiommufd show` and `uiommufd lookup` talk to: a thread in the program that answers on a
 * socket in the shadow root (preload/layout.h), one request per connection, as a line of text:
 *
 * 	show MAPPINGS                    the state as JSON, at most so many mappings an IOAS
 * 	one by one
 * 	lookup CONTEXT PT_ID IOVA	 one IOVA (hexadecimal) as JSON
 *
 * An answer is JSON (inspect/show_state.h), or {"error": errno}, and ends with a 0, without which it is
 * not complete.
 *
 * A thread, because nothing else leaves the program alone: a signal would interrupt its system
 * calls, or be blocked for ever; a memory that the engine keeps up to date would cost each call.
 * The thread takes no signal, and has a table of descriptors, a current directory and a umask of
 * its own: the program's numbers are not disturbed, closing them all closes nothing of it, and a
 * fork does not copy it. It exists in processes that have opened something emulated, from then on;
 * a child has one from its next call into the engine on.
 */
#ifndef PRELOAD_CONTROL_H
#define PRELOAD_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Starts the thread, if the run has a directory for sockets. What fails leaves the program without
 * it, and is not said.
 */
void control_start(void);

/* In the child of a fork, whose parent has a thread. */
void control_fork_child(void);

/* Around each call into the engine: starts the thread in a child that has none yet. */
extern _Atomic bool control_wanted;

static inline void control_check(void)
{
	if (__builtin_expect(atomic_load_explicit(&control_wanted, memory_order_relaxed), 0))
		control_start();
}

#endif
