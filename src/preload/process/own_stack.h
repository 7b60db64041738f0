/* SPDX-License-Identifier: MIT */
/*
 * A stack of our own for what needs more than a thread of the program may have: the smallest stack
 * is 16 KiB (PTHREAD_STACK_MIN), and the engine starts in whichever thread opens a file first.
 */
#ifndef PRELOAD_PROCESS_OWN_STACK_H
#define PRELOAD_PROCESS_OWN_STACK_H

/*
 * Calls @function with @arg on a new stack of 256 KiB; on the thread's own if there is no memory,
 * and under valgrind, which takes a switch of stacks for a mistake.
 *
 * Context: @function returns; signals are deferred (process/defer.h).
 */
void own_stack_call(void (*function)(void *arg), void *arg);

#endif
