/* SPDX-License-Identifier: MIT */
/* Threads of devices: they live inside someone else's program, and must not be noticed there. */
#ifndef VFIO_THREAD_H
#define VFIO_THREAD_H

#include <pthread.h>

/*
 * Starts @run(@arg) on a thread with a small stack that takes no signal of the process (but its own
 * SIGSEGV and SIGBUS, which guarded copies need). 0 or -ENOMEM.
 */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
