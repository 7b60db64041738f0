/* SPDX-License-Identifier: MIT */
/*
 * A stack of our own for what needs more than a thread of the program may have: the smallest stack
 * is 16 KiB (PTHREAD_STACK_MIN), and the engine starts in whichever thread opens a file first.
 */
#ifndef PRELOAD_PROCESS_OWN_STACK_H
#define PRELOAD_PROCESS_OWN_STACK_H

/*
 * To be called before the first own_stack_call() that is to switch: not in the server, whose
 * threads have large stacks. Reads the environment, in which valgrind is named: it takes a switch
 * of stacks for a mistake.
 */
void own_stack_init(void);

/*
 * Calls @function with @arg on a new stack of 256 KiB; on the thread's own if there is no memory,
 * under valgrind, and without own_stack_init().
 *
 * Context: @function returns; signals are deferred (process/defer.h).
 */
void own_stack_call(void (*function)(void *arg), void *arg);

#endif
