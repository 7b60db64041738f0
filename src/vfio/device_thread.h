/* SPDX-License-Identifier: MIT */
/* Threads of ours: they run inside a program that must not notice them. */
#ifndef VFIO_DEVICE_THREAD_H
#define VFIO_DEVICE_THREAD_H

#include <pthread.h>

/*
 * Starts @run(@arg) on a thread with a small stack, and with all signals blocked except SIGSEGV and
 * SIGBUS, which guarded copies need. 0 or -ENOMEM.
 *
 * Context: any thread, any locks: the stack is mapped without the preload (base/own_call.h).
 */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* How many there are. In the child of a fork there are none. */
unsigned int thread_count(void);
void thread_fork_child(void);

/* The same for a thread that nobody waits for. */
int thread_start_detached(void *(*run)(void *arg), void *arg);

#endif
